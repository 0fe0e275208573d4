from __future__ import annotations

import re

import pytest

from dl_magics import errors
from dl_magics.errors import BadData, DLMagicsError

GROUPS = (
    errors.UserError,
    errors.CloudError,
    errors.ConnectionFailed,
    errors.KernelError,
    errors.RunError,
    errors.MachineError,
)
KINDS = [kind for group in GROUPS for kind in group.__subclasses__()]
OURS = [kind for kind in KINDS if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_shows_two_lines_for_an_expected_failure(shell, capsys, kind):
    shell.push({"kind": kind})

    result = shell.run_cell("raise kind('It rained.', fix='Take an umbrella.')")

    shown = capsys.readouterr()
    assert (shown.out + shown.err).strip().splitlines() == [
        f"{kind.__name__}: It rained.",
        "  Take an umbrella.",
    ]
    assert isinstance(result.error_in_exec, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_known_http_status(kind):
    assert kind.status in (400, 401, 403, 404, 409, 424, 429, 500, 502, 503, 504, 507)


def test_an_error_must_say_what_to_do_next():
    with pytest.raises(TypeError):
        BadData("It rained.")


def test_what_happened_is_the_message_of_the_exception():
    failure = BadData("It rained.", fix="Take an umbrella.")

    assert str(failure) == "It rained."
    assert failure.fix == "Take an umbrella."


def test_only_a_group_of_errors_has_error_in_its_name():
    assert [kind.__name__ for kind in KINDS if kind.__name__.endswith("Error")] == []


def test_every_error_belongs_to_a_group():
    assert set(DLMagicsError.__subclasses__()) == set(GROUPS)


def test_an_error_of_another_process_is_found_by_its_name():
    assert sorted(errors.BY_NAME) == sorted(kind.__name__ for kind in OURS)
    assert errors.BY_NAME["BadData"] is BadData


def test_the_drawing_shows_every_class_in_its_group():
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")

    assert drawn == [name for group in GROUPS for name in _drawn(group)]


def _drawn(group: type[DLMagicsError]) -> list[str]:
    kinds = [kind.__name__ for kind in group.__subclasses__() if kind in OURS]
    return [group.__name__, *kinds]


def test_an_error_does_not_pass_control_characters_on_to_the_terminal():
    failure = BadData("There is no \x1b[2Jfile\u202e.", fix="rm \x07x\nor:\ty")

    assert failure._render_traceback_() == [
        r"BadData: There is no \x1b[2Jfile\u202e.",
        "  rm \\x07x\nor:\ty",
    ]
