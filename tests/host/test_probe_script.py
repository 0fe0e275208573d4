from __future__ import annotations

import json

from dl_magics.host.probe_script import parse_lines


def test_a_host_without_a_python_is_described():
    found = parse_lines("gpu", ["home\t/home/ubuntu", "cores\t4"])

    assert found.interpreters == ()
    assert repr(found).endswith("No Python found.")
    assert "No Python found." in found._repr_html_()


def test_environments_of_the_same_name_are_called_by_their_prefix():
    found = parse_lines("gpu", [_probe_line("/srv/a/keras"), _probe_line("/srv/b/keras")])

    assert [each.name for each in found.interpreters] == ["/srv/a/keras", "/srv/b/keras"]


def test_an_environment_in_a_project_has_the_name_of_the_project():
    found = parse_lines("gpu", [_probe_line("/home/ubuntu/dogs/.venv")])

    assert [each.name for each in found.interpreters] == ["dogs"]


def test_a_pyenv_shim_is_not_listed_as_another_interpreter():
    shim = _probe_line(
        "/home/ubuntu/.pyenv/versions/3.12.1", path="/home/ubuntu/.pyenv/shims/python"
    )

    found = parse_lines("gpu", [_probe_line("/home/ubuntu/.pyenv/versions/3.12.1"), shim])

    assert [(each.name, each.kind) for each in found.interpreters] == [("3.12.1", "pyenv")]
    assert found.interpreters[0].path.endswith("3.12.1/bin/python")


def test_an_unknown_field_of_nvidia_smi_is_zero():
    found = parse_lines("gpu", ["gpu\tTesla K80, 11441, 470.256.02", "capability\t[N/A]"])

    assert (found.gpus[0].name, found.gpus[0].capability) == ("Tesla K80", 0.0)
    assert found.driver == "470.256.02"


def _probe_line(prefix, path=""):
    facts = {
        "path": path or f"{prefix}/bin/python",
        "prefix": prefix,
        "is_venv": ".pyenv" not in prefix,
        "is_conda": False,
        "python": "3.12.1",
        "packages": {},
        "builds": {},
        "capabilities": [],
        "can_create_venv": True,
    }
    return "python\t" + json.dumps(facts)
