"""When the shutdown of the system is ordered, postponed, cancelled, or left as it is."""

from __future__ import annotations

import os

import pytest

from dl_magics.guard.service import pending_shutdown
from dl_magics.guard.service.decision import Decision
from dl_magics.guard.service.pending_shutdown import PendingShutdown, plan_order, plan_seconds

NOON = 1_800_000_000.0
BUSY = Decision("ok", "active", "a cell is running", 1800.0)


@pytest.mark.parametrize(
    ("wanted", "ours", "scheduled", "is_ours", "order"),
    [
        (2400, None, None, False, "order"),
        (2400, 2380, None, False, "order"),
        (2380.3, 2380, None, False, "keep"),
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
    assert plan_seconds(BUSY) == 2400
    assert plan_seconds(Decision("ok", "idle", "the idle timeout is off", None)) is None


@pytest.fixture
def schedule(tmp_path, monkeypatch):
    """The file in which systemd writes down a shutdown; `shutdown` on the PATH writes it."""
    file, program = tmp_path / "scheduled", tmp_path / "bin" / "shutdown"
    program.parent.mkdir()
    program.write_text(
        f"""#!/bin/sh
echo "$@" >> {tmp_path}/orders
if [ "$1" = -c ]; then rm -f {file}; else
printf 'USEC=%s\\nMODE=poweroff\\n' $(( $(cat {tmp_path}/now) + ${{3#+}} * 60 ))000000 > {file}
fi
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(pending_shutdown, "SCHEDULE", str(file))
    return file


@pytest.mark.parametrize(
    ("elsewhere", "leap", "ordered"),
    [
        (None, 0, True),
        (300, 0, False),
        (90_000, 0, True),
        ("cancelled", 0, True),
        (None, 1200, True),
        (None, -1200, True),
    ],
    ids=[
        "postponed while there is work",
        "an earlier one of somebody else stays",
        "a later one of somebody else is replaced",
        "one that somebody cancelled is ordered again",
        "set right after the clock was set forward",
        "set right after the clock was set back",
    ],
)
def test_the_shutdown_that_systemd_wrote_down_decides(schedule, elsewhere, leap, ordered):
    now, orders = schedule.parent / "now", schedule.parent / "orders"
    now.write_text(f"{NOON:.0f}")
    pending = PendingShutdown()
    pending.update(BUSY, 100.0, NOON)
    if elsewhere == "cancelled":
        schedule.unlink()
    elif elsewhere:
        schedule.write_text(f"USEC={int(NOON + elsewhere)}000000\n")

    now.write_text(f"{NOON + 60 + leap:.0f}")
    pending.update(BUSY, 160.0, NOON + 60 + leap)

    assert orders.read_text() == "-h --no-wall +40\n" * (1 + ordered)
    assert pending.scheduled == (NOON + 2460 + leap if ordered else NOON + 2400)
