from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.errors import BadData, DLMagicsError

KINDS = DLMagicsError.__subclasses__()


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
def test_every_failure_has_a_status_that_http_knows(kind):
    assert kind.status in (400, 401, 403, 404, 409, 424, 429, 500, 502, 503, 504, 507)


def test_a_failure_must_say_what_to_do():
    with pytest.raises(TypeError):
        BadData("It rained.")


def test_what_happened_is_the_message_of_the_exception():
    failure = BadData("It rained.", fix="Take an umbrella.")

    assert str(failure) == "It rained."
    assert failure.fix == "Take an umbrella."


def test_a_situation_is_named_without_the_word_error():
    assert [each for each in vars(errors) if each.endswith("Error")] == ["DLMagicsError"]
