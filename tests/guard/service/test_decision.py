"""When an instance is active, idle or hung, and when it is stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics.guard.service import decision
from dl_magics.guard.service.decision import Limits, Memory, Signals
from support.guard import histories

GAP = 80.0


def decide(signals, memory=None, limits=None):
    memory = memory or Memory(signals.awake)
    return decision.decide(memory, signals, limits or Limits(), longest_gap=GAP)[0]


def quiet_for(seconds, **values):
    """Return the memory and the signals of an instance on which nothing moved for so long."""
    now = 10_000.0
    idle = None if values else now - seconds
    memory = Memory(now - 20, idle_since=idle, still_since=now - seconds)
    return Signals(awake=now, boot=now, **values), memory


def test_no_random_history_stops_a_live_run_or_spares_a_dead_instance():
    histories.run_histories(2000)


@pytest.mark.parametrize(
    ("signals", "reason"),
    [
        ({"cells": 1}, "a cell is running"),
        ({"cells": 3}, "3 cells are running"),
        ({"runs": 1}, "a run is going on"),
        ({"gpu": 5.0}, "the GPU is used to 5 %"),
        ({"cores": 0.5}, "0.5 CPU cores are used"),
        ({"network": 2e6}, "2.0 MB/s on the network"),
        ({"typing": True}, "someone types in a terminal"),
        ({"gpu": None}, "could not be checked: gpu"),
        ({"cells": None, "progress": None}, "could not be checked: cells, progress"),
    ],
)
def test_work_and_failed_checks_keep_an_instance_running(signals, reason):
    decided = decide(Signals(10.0, 10.0, **signals))

    assert decided == decision.Decision("ok", "active", reason, 1800.0)


@pytest.mark.parametrize(
    ("seconds", "action", "left"),
    [(0, "ok", 1800), (1499, "ok", 301), (1500, "warn", 300), (1799, "warn", 1), (1800, "stop", 0)],
)
def test_an_idle_instance_is_warned_about_and_stopped(seconds, action, left):
    decided = decide(*quiet_for(seconds))

    assert (decided.action, decided.state, decided.seconds_left) == (action, "idle", left)


@pytest.mark.parametrize(
    ("seconds", "action", "state"),
    [
        (3599, "ok", "active"),
        (3600, "warn", "hung"),
        (3899, "warn", "hung"),
        (3900, "stop", "hung"),
    ],
)
@pytest.mark.parametrize("claim", [{"cells": 1}, {"runs": 1}, {"gpu": None}])
def test_what_says_that_it_works_while_nothing_moves_is_hung_after_an_hour(
    seconds, action, state, claim
):
    decided = decide(*quiet_for(seconds, **claim))

    assert (decided.action, decided.state) == (action, state)


def test_a_kept_instance_is_neither_warned_about_nor_stopped_until_then():
    signals, memory = quiet_for(5000)
    kept = Limits(keep_until=signals.boot + 400)

    decided = decide(signals, memory, kept)
    later = decide(replace(signals, awake=10_100.0, boot=10_100.0), memory, kept)

    assert (decided.action, decided.state, decided.seconds_left) == ("ok", "kept", 400)
    assert (later.action, later.seconds_left) == ("warn", 300)


@pytest.mark.parametrize(
    ("left", "action"), [(301, "ok"), (300, "warn"), (0, "stop"), (-9, "stop")]
)
@pytest.mark.parametrize("idle", [None, 1800.0])
def test_the_hard_end_stops_a_live_run_after_a_warning(left, action, idle):
    limits = Limits(idle=idle, hard_end=500.0 + left, keep_until=9e9)

    decided = decide(Signals(500.0, 500.0, cells=1, gpu=99.0), limits=limits)

    assert (decided.action, decided.state, decided.seconds_left) == (action, "ending", max(left, 0))


def test_without_an_idle_timeout_nothing_is_stopped():
    for claim in ({}, {"cells": 1}):
        decided = decide(*quiet_for(100_000, **claim), Limits(idle=None))

        assert (decided.action, decided.seconds_left) == ("ok", None)


def test_a_suspended_machine_was_not_idle():
    signals, memory = quiet_for(60)

    decided = decide(replace(signals, boot=signals.boot + 36_000), memory)

    assert (decided.action, decided.seconds_left) == ("ok", 1740)


def test_after_a_gap_a_person_is_warned_before_the_stop():
    signals, memory = quiet_for(3000)

    decided = decide(signals, replace(memory, seen=signals.awake - 900))

    assert (decided.action, decided.seconds_left) == ("warn", 300)


def test_a_check_that_fails_now_and_then_does_not_keep_an_instance_for_ever():
    memory = Memory(seen=9_990.0, idle_since=9_980.0, still_since=5_000.0)

    assert decide(Signals(10_000.0, 10_000.0), memory).action == "stop"
