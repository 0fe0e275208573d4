"""Retry after a lost connection, without sleeping: each pause is recorded and time is advanced."""

from __future__ import annotations

import asyncio
from itertools import islice
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.errors import BadValue, NoAnswer
from dl_magics.ssh import retry

LOST = NoAnswer("The connection was lost.", fix="Try again.")


class Clock:
    """Replaces the time and the sleep of the module."""

    def __init__(self):
        self.now = 100.0
        self.pauses = []

    async def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(retry, "asyncio", SimpleNamespace(sleep=made.sleep))
    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def failing(*outcomes):
    """Return an attempt with these outcomes in turn: an error is raised, a value returned."""
    left = list(outcomes)

    async def attempt():
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return attempt


def streaming(*attempts):
    """Return an attempt that yields the values of each attempt in turn and raises its errors."""
    left = [list(values) for values in attempts]

    async def attempt():
        for value in left.pop(0):
            if isinstance(value, Exception):
                raise value
            yield value

    return attempt


def collect(attempt):
    async def run():
        return [value async for value in retry.retry_stream(attempt, lambda why: f"({why})")]

    return asyncio.run(run())


@given(st.integers(1, 60))
def test_pauses_grow_to_ten_seconds(count):
    pauses = list(islice(retry.pauses(), count))

    assert pauses[0] == 0.3
    assert pauses == sorted(pauses)
    assert max(pauses) <= 10
    assert count < 9 or pauses[-1] == 10


def test_the_result_of_the_first_success_is_returned(clock):
    assert asyncio.run(retry.retry(failing(LOST, LOST, "done"))) == "done"

    assert clock.pauses == pytest.approx([0.3, 0.48])


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_last_error_is_raised_after_all_attempts(clock, attempts):
    with pytest.raises(NoAnswer):
        asyncio.run(retry.retry(failing(*[LOST] * attempts), attempts=attempts))

    assert len(clock.pauses) == attempts - 1


def test_without_a_limit_it_is_retried_until_success(clock):
    assert asyncio.run(retry.retry(failing(*[LOST] * 50, 7), attempts=None)) == 7


def test_any_other_error_is_raised_at_once(clock):
    with pytest.raises(BadValue):
        asyncio.run(retry.retry(failing(BadValue("wrong", fix="None."), 1)))

    assert clock.pauses == []


def test_a_stream_resumes_after_a_lost_connection(clock):
    values = collect(streaming([0, 1, LOST], [1, 2, 3]))

    assert values == [0, 1, "(The connection was lost.)", 1, 2, 3]
    assert clock.pauses == [0.3]


def test_a_stream_is_not_retried_before_the_first_connection(clock):
    with pytest.raises(NoAnswer):
        collect(streaming([LOST], [1]))

    assert clock.pauses == []


def test_only_progress_resets_the_pause(clock):
    collect(streaming([0, LOST], [0, LOST], [0, 1, LOST], [1]))

    assert clock.pauses == pytest.approx([0.3, 0.48, 0.3])


def test_a_stream_without_progress_ends_after_half_an_hour(clock):
    with pytest.raises(NoAnswer):
        collect(streaming(*[[0, LOST]] * 1000))

    assert 1800 - 10 < sum(clock.pauses) <= 1800 + 10
