"""The cells that do what the buttons do, parsed by the magics themselves."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from dl_magics import magics
from dl_magics.actions.aws.panel.place import Place
from dl_magics.core.instance import Instance
from dl_magics.server import cells

ID = "i-0123456789abcdef0"


def make_instance(name: str = "my gpu") -> Instance:
    return Instance(id=ID, name=name, state="running", type="g4dn.xlarge")


def read_line(cell: str) -> tuple[str, str]:
    """Return the magic and its line, as IPython runs a cell that has nothing else."""
    (statement,) = ast.parse(TransformerManager().transform_cell(cell)).body
    name, line = (each.value for each in statement.value.args)
    return name, line


def parse(cell: str):
    """Return the arguments that the magic of a cell gets."""
    name, line = read_line(cell)
    (method,) = (vars(each)[name] for each in magics.ALL if name in vars(each))
    return method.parser.parse_argstring(line)


def test_the_cells_of_an_instance_have_its_id_and_say_its_name():
    of_instance = cells.instance_cells(make_instance())

    for verb in ("select", "start", "stop", "terminate", "keep"):
        assert parse(of_instance[verb]).name == ID
    assert parse(of_instance["terminate"]).force
    assert ID in vars(parse(of_instance["connect"])).values()
    assert of_instance["stop"] == f"%aws_stop {ID}  # my gpu"
    # What follows the instance would be a command on it.
    assert read_line(of_instance["ssh"]) == ("aws_ssh", f"-n {ID}")
    assert (
        vars(parse(cells.resize_cell(ID, "t2.micro"))).items()
        >= {
            "type": "t2.micro",
            "name": ID,
        }.items()
    )


@given(st.text(max_size=40))
def test_no_name_that_others_set_becomes_code(name):
    for cell in cells.instance_cells(make_instance(name)).values():
        assert not set("{}$\r\n!;") & set(cell)
        read_line(cell)


@pytest.mark.parametrize("name", ["a\n!rm -rf ~", "{os.system('id')}", "$HOME", "-y", "", "ä"])
def test_another_name_of_an_instance_is_left_out(name):
    assert cells.instance_cells(make_instance(name))["stop"] == f"%aws_stop {ID}"


def make_place(profile: str, region: str | None = "eu-west-1", **more) -> Place:
    return Place(**{"profile": profile, "region": region, "practice": False, "own": True, **more})


def test_a_notebook_is_led_to_a_place_that_was_selected_for_the_panel():
    profile, region = cells.place_cell(make_place("my work")).splitlines()

    assert parse(profile).profile == "my work"
    assert parse(region).region == "eu-west-1"
    practice = cells.place_cell(make_place("practice", practice=True))
    assert practice == "%practice on\n%aws_region eu-west-1"
    assert cells.place_cell(make_place("work", None)) == "%aws_profile work"
    assert cells.place_cell(make_place("work", own=False)) == ""
    assert cells.place_cell(make_place("{os.system('id')}")) == ""


def test_the_cell_of_a_launch_has_all_that_was_asked_for():
    asked = {"type": "t2.micro", "name": "my gpu", "disk_gib": 60, "zone": "us-east-1b"}

    args = parse(cells.launch_cell(asked))

    assert (args.type, args.name, args.disk, args.zone) == ("t2.micro", "my gpu", 60, "us-east-1b")
    assert not args.yes


@pytest.mark.parametrize(
    ("spot", "max_price"), [({}, None), ({"max_price": 0.3}, "0.3"), ({"max_price": 2}, "2")]
)
def test_the_cell_of_a_spot_launch_has_its_maximum_price(spot, max_price):
    args = parse(cells.launch_cell({"type": "g4dn.xlarge", "spot": spot}))

    assert (args.spot, args.max_price) == (True, max_price)


def test_the_cells_of_settings_runs_and_faults_are_parsed_by_their_magics():
    settings, device = cells.keras_cell(
        {"backend": "jax", "image_data_format": "channels_first", "epsilon": 1e-7, "device": "cpu"}
    ).splitlines()

    assert parse(settings).backend == "jax"
    assert parse(settings).image_data_format == "channels_first"
    assert float(parse(settings).epsilon) == 1e-7
    assert parse(settings).here
    assert parse(device).device == "cpu"
    of_run = cells.run_cells("2026_run")
    assert of_run["attach"] == "%attach 2026_run"
    assert (parse(of_run["stop"]).run, parse(of_run["stop"]).stop) == ("2026_run", True)
    fault = parse(cells.fault_cell("no-capacity", 2))
    assert (fault.what, fault.name, fault.times) == ("fault", "no-capacity", 2)
