"""When the shutdown of the system is ordered, postponed, cancelled, or left as it is."""

from __future__ import annotations

import pytest

from dl_magics.guard.service.decision import Decision
from dl_magics.guard.service.pending_shutdown import plan_order, plan_seconds


@pytest.mark.parametrize(
    ("wanted", "ours", "scheduled", "is_ours", "order"),
    [
        (2400, None, None, False, "order"),
        (2400, 2380, None, False, "order"),
        (2380, 2380, None, False, "keep"),
        (1000, 2380, None, False, "keep"),
        (2400, 2380, 2380, True, "keep"),
        (2400, 2340, 2340, True, "order"),
        (2400, 2400, 900, True, "order"),
        (2400, 2400, 900, False, "keep"),
        (2400, 2400, 90_000, False, "order"),
        (None, 2400, 2400, True, "cancel"),
        (None, None, 2400, False, "keep"),
    ],
    ids=[
        "ordered first",
        "postponed while there is work",
        "not postponed without work",
        "not postponed when the end comes nearer",
        "few seconds do not matter",
        "postponed where the system tells its time",
        "set right after the clock was set forward",
        "an earlier one of somebody else stays",
        "a later one of somebody else is replaced",
        "cancelled without a planned stop",
        "one of somebody else is not cancelled",
    ],
)
def test_the_pending_shutdown_fits_the_decision(wanted, ours, scheduled, is_ours, order):
    assert plan_order(wanted, ours, scheduled, is_ours=is_ours) == order


def test_it_comes_ten_minutes_after_the_guard_would_have_stopped_the_instance():
    assert plan_seconds(Decision("ok", "active", "a cell is running", 1800.0)) == 2400
    assert plan_seconds(Decision("ok", "idle", "the idle timeout is off", None)) is None
