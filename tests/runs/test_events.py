from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given

from dl_magics.runs import events
from dl_magics.runs.events import DataChecked, Event, Warned, format_line, parse_event, stamp_events
from support import run_events


def plain(value):
    """NaN is not equal to itself; as text it is."""
    return json.dumps(value, sort_keys=True)


@given(run_events.events())
def test_an_event_comes_back_from_its_line_as_it_was(event):
    back = parse_event(json.loads(format_line(event)))

    assert type(back) is type(event)
    assert plain(back.to_json()) == plain(event.to_json())


@given(run_events.events())
def test_an_event_is_one_line_whatever_its_texts_hold(event):
    line = format_line(event)

    assert line.endswith("\n")
    assert line.count("\n") == 1


def test_every_kind_of_event_can_be_read_back():
    kinds = {each.kind: each for each in Event.__subclasses__()}

    assert kinds == events.KINDS


def test_a_line_begins_with_its_number_its_time_and_its_kind():
    line = format_line(Warned(n=3, t=1.5, code="c", text="t", fix="f"))

    assert line == '{"n":3,"t":1.5,"kind":"warned","code":"c","text":"t","fix":"f"}\n'


def test_letters_of_all_languages_stay_readable_in_the_log():
    assert "Мурка" in format_line(Warned(code="c", text="Мурка", fix=""))


def test_an_older_version_reads_the_log_of_a_newer_one():
    values = {**DataChecked(images=4).to_json(), "colour": "blue"}

    assert parse_event(values) == DataChecked(images=4)


def test_an_unknown_kind_is_a_key_error():
    with pytest.raises(KeyError):
        parse_event({"n": 1, "t": 0.0, "kind": "danced"})


def test_a_missing_value_is_a_type_error():
    with pytest.raises(TypeError):
        parse_event({"n": 1, "t": 0.0, "kind": "warned", "code": "c"})


def test_events_are_numbered_from_one_and_get_their_time():
    times = iter([10.0, 20.0, 30.0])

    told = list(stamp_events([DataChecked(images=i) for i in range(3)], lambda: next(times)))

    assert [(each.n, each.t, each.images) for each in told] == [
        (1, 10.0, 0),
        (2, 20.0, 1),
        (3, 30.0, 2),
    ]


def test_an_event_can_not_be_changed():
    event = DataChecked(images=1)

    with pytest.raises(FrozenInstanceError):
        event.images = 2


def test_a_number_that_diverged_is_still_a_number_when_read_back():
    line = format_line(run_events.epoch(1, loss=math.inf))

    assert parse_event(json.loads(line)).logs["loss"] == math.inf
