from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.training.engine.throughput import SECONDS_BETWEEN, Throughput


class Clock:
    """A clock that is advanced by the test."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_the_speed_is_the_number_done_per_second(clock):
    pace = Throughput(100, clock)

    clock.now += 2
    pace.add(10)

    assert pace.done == 10
    assert pace.per_second == 5
    assert pace.seconds_left == 18


def test_the_speed_is_unknown_at_first(clock):
    pace = Throughput(100, clock)

    assert pace.per_second == 0
    assert pace.seconds_left == 0


def test_a_clock_without_progress_gives_no_speed(clock):
    pace = Throughput(100, clock)

    pace.add(50)

    assert pace.per_second == 0
    assert pace.seconds_left == 0


def test_the_speed_covers_the_last_ten_seconds(clock):
    pace = Throughput(10_000, clock)

    for _ in range(20):
        clock.now += 1
        pace.add(1)
    for _ in range(20):
        clock.now += 1
        pace.add(100)

    assert pace.per_second == 100
    assert pace.seconds_left == pytest.approx((10_000 - 2_020) / 100)


def test_a_single_slow_step_is_included(clock):
    pace = Throughput(100, clock)

    clock.now += 60
    pace.add(6)
    clock.now += 60
    pace.add(6)

    assert pace.per_second == pytest.approx(0.1)


def test_at_the_end_zero_seconds_are_left(clock):
    pace = Throughput(10, clock)

    clock.now += 5
    pace.add(10)

    assert pace.seconds_left == 0


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=200))
def test_reports_are_due_at_most_four_times_per_second(steps):
    clock = Clock()
    pace = Throughput(1000, clock)
    told = [clock.now]
    for step in steps:
        clock.now += step
        if pace.add(1):
            told.append(clock.now)

    gaps = [after - before for before, after in itertools.pairwise(told)]

    assert all(gap >= SECONDS_BETWEEN for gap in gaps)
    assert clock.now - told[-1] < SECONDS_BETWEEN
    assert pace.done == len(steps)
