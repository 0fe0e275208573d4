from __future__ import annotations

import pytest

from dl_magics.actions.runs.trackers import options
from dl_magics.errors import BadSetting, NotInstalled


@pytest.fixture(autouse=True)
def installed(tmp_path, monkeypatch):
    """All four packages, as far as Python's import system sees."""
    for kind in options.KINDS.values():
        (tmp_path / f"{kind.package}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("line", "rest", "chosen"),
    [
        ("data", "data", []),
        ("data --tensorboard logs", "data", [("tensorboard", "logs")]),
        ("data --tensorboard=logs --epochs 3", "data --epochs 3", [("tensorboard", "logs")]),
        ("data --mlflow 'my pets'", "data", [("mlflow", "my pets")]),
        ("--wandb pets data --trackio dogs", "data", [("wandb", "pets"), ("trackio", "dogs")]),
        ("data--tensorboard x", "data--tensorboard x", []),
    ],
)
def test_the_options_of_trackers_are_taken_out_of_the_line(line, rest, chosen):
    left, found = options.split_line(line)

    assert left.split() == rest.split()
    assert [(each.option, each.target) for each in found] == chosen


@pytest.mark.parametrize("line", ["data --tensorboard", "data --tensorboard --epochs 3"])
def test_an_option_without_a_value_is_an_error_that_says_what_it_takes(line):
    with pytest.raises(BadSetting, match="--tensorboard has no value") as refused:
        options.split_line(line)

    assert refused.value.fix.endswith("--tensorboard FOLDER")


def test_a_tracker_that_is_not_installed_is_refused_before_anything_starts(monkeypatch, tmp_path):
    (tmp_path / "trackio.py").unlink()
    monkeypatch.setattr("sys.path", [str(tmp_path)])

    with pytest.raises(NotInstalled, match="needs the package trackio") as refused:
        options.choose("trackio", "pets")

    assert refused.value.fix == "%pip install trackio, then the same line again"


def test_an_option_is_typed_again_as_it_can_be_read():
    (chosen,) = options.choose_given({"mlflow": "my pets", "wandb": None})

    assert chosen.typed == "--mlflow 'my pets'"
    assert options.split_line(f"data {chosen.typed}")[1] == (chosen,)
