from __future__ import annotations

import json
import math
import re
from dataclasses import FrozenInstanceError, fields
from typing import get_origin, get_type_hints

import pytest
from hypothesis import given

from dl_magics.runs import events
from dl_magics.runs.events import (
    DataChecked,
    Event,
    Warned,
    format_line,
    parse_event,
    parse_line,
    report_invalid,
    stamp_events,
)
from support import run_events


def plain(value):
    """Return the text of a value: NaN is not equal to itself, but its text is."""
    return json.dumps(value, sort_keys=True)


@given(run_events.events())
def test_an_event_survives_a_round_trip_through_its_line(event):
    back = parse_event(json.loads(format_line(event)))

    assert type(back) is type(event)
    assert plain(back.to_json()) == plain(event.to_json())


@given(run_events.events())
def test_an_event_is_one_line_for_any_text(event):
    line = format_line(event)

    assert line.endswith("\n")
    assert line.count("\n") == 1


def test_every_kind_of_event_can_be_parsed():
    kinds = {each.kind: each for each in Event.__subclasses__()}

    assert kinds == events.KINDS


def test_a_line_starts_with_number_time_and_kind():
    line = format_line(Warned(n=3, t=1.5, code="c", text="t", fix="f"))

    assert line == '{"n":3,"t":1.5,"kind":"warned","code":"c","text":"t","fix":"f"}\n'


def test_non_ascii_text_is_not_escaped_in_the_log():
    assert "Мурка" in format_line(Warned(code="c", text="Мурка", fix=""))


def test_unknown_fields_of_a_newer_version_are_ignored():
    values = {**DataChecked(images=4).to_json(), "colour": "blue"}

    assert parse_event(values) == DataChecked(images=4)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([], "an event is an object, not []"),
        ({"n": 1, "t": 0.0}, "there is no event of the kind None"),
        ({"n": 1, "t": 0.0, "kind": "danced"}, "there is no event of the kind 'danced'"),
        ({"n": 1, "t": 0.0, "kind": ["warned"]}, "there is no event of the kind ['warned']"),
        ({"n": 1, "t": 0.0, "kind": "warned", "code": "c"}, "missing 2 required"),
        ({"n": "1", "t": 0.0, "kind": "data_checked", "images": 4}, "n of data_checked must be a"),
    ],
)
def test_what_is_not_an_event_is_refused(values, problem):
    with pytest.raises(ValueError, match=re.escape(problem)):
        parse_event(values)


def test_every_field_of_every_event_has_a_rule():
    for kind in events.KINDS.values():
        hints = get_type_hints(kind, include_extras=True)
        unruled = [each.name for each in fields(kind) if get_origin(hints[each.name]) is None]

        assert unruled == []


@pytest.mark.parametrize("line", [b"", b"rain", b"\xff", b"[" * 100_000, b"1" * 10_000])
def test_a_line_that_is_not_json_is_refused(line):
    with pytest.raises(ValueError, match="it is not JSON"):
        parse_line(line)


def test_an_event_that_is_not_valid_is_reported_in_its_place():
    report = report_invalid(ValueError("epoch must be a number"), 7)

    assert report.n == 7
    assert report.text.endswith("is not shown: epoch must be a number")


def test_stamp_events_sets_numbers_from_one_and_times():
    times = iter([10.0, 20.0, 30.0])

    stamped = list(stamp_events([DataChecked(images=i) for i in range(3)], lambda: next(times)))

    assert [(each.n, each.t, each.images) for each in stamped] == [
        (1, 10.0, 0),
        (2, 20.0, 1),
        (3, 30.0, 2),
    ]


def test_an_event_is_immutable():
    event = DataChecked(images=1)

    with pytest.raises(FrozenInstanceError):
        event.images = 2


def test_nan_and_infinity_survive_a_round_trip():
    line = format_line(run_events.epoch(1, loss=math.inf))

    assert parse_event(json.loads(line)).logs["loss"] == math.inf
