"""The pending `shutdown` of the instance, which is postponed while there is work.

If the guard ends, nobody postpones it any more, and the system stops the instance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from .commands import run_command
from .decision import Decision

MARGIN_SECONDS = 600.0
"""It comes later than the guard. systemd refuses logins five minutes before a shutdown."""

NEAR_SECONDS = 45.0
NOISE_SECONDS = 1.0
"""The clocks of two looks are not read at the same moment."""

COMMAND_SECONDS = 15.0
SCHEDULE = "/run/systemd/shutdown/scheduled"
KEEP, ORDER, CANCEL = "keep", "order", "cancel"


def plan_order(
    wanted: float | None, ours: float | None, scheduled: float | None, *, is_ours: bool = False
) -> str:
    """Return what to do about the pending shutdown; all three are seconds from now on.

    Parameters
    ----------
    wanted
        When the instance must have been stopped; None if no stop is planned.
    ours
        When the shutdown that we ordered comes; None if there is none.
    scheduled
        When the one comes that the system has; None if it does not tell, or has none.
    is_ours
        Whether we ordered that one; a clock that was set makes it come earlier or later.
    """
    if wanted is None:
        return KEEP if ours is None else CANCEL
    if scheduled is None:
        # Without work the time that is left shrinks with the clock: there is nothing to postpone.
        return KEEP if ours is not None and wanted <= ours + NOISE_SECONDS else ORDER
    if not is_ours and scheduled < wanted:
        return KEEP  # somebody ordered an earlier one
    return KEEP if abs(scheduled - wanted) < NEAR_SECONDS else ORDER


def plan_seconds(decision: Decision) -> float | None:
    """Return in how many seconds the system must stop the instance; None if no stop is planned."""
    return None if decision.seconds_left is None else decision.seconds_left + MARGIN_SECONDS


@dataclass
class PendingShutdown:
    """The shutdown that this guard ordered: `due` by the boot clock, None if there is none.

    `scheduled` is its time as the system wrote it down, `error` what a failed `shutdown` printed.
    """

    due: float | None = None
    scheduled: float | None = None
    error: str = ""

    def update(self, decision: Decision, boot: float, wall: float) -> None:
        """Order, postpone or cancel it, so that it fits the decision."""
        wanted, scheduled = plan_seconds(decision), read_schedule()
        order = plan_order(
            wanted,
            None if self.due is None else self.due - boot,
            None if scheduled is None else scheduled - wall,
            is_ours=scheduled is not None and scheduled == self.scheduled,
        )
        if order == CANCEL:
            self._run("-c")
            self.due = self.scheduled = None
        elif order == ORDER and wanted is not None and self._order(wanted):
            self.due, self.scheduled = boot + wanted, read_schedule()

    def _order(self, seconds: float) -> bool:
        return self._run("-h", "--no-wall", f"+{math.ceil(seconds / 60)}")

    def shut_down(self) -> None:
        """Shut the system down now."""
        self._run("-h", "now")

    def _run(self, *arguments: str) -> bool:
        self.error = run_command(["shutdown", *arguments], COMMAND_SECONDS)
        return not self.error


def read_schedule() -> float | None:
    """Return the time since the epoch of the shutdown that systemd has scheduled, or None."""
    try:
        lines = Path(SCHEDULE).read_text().splitlines()
    except OSError:
        return None
    values = dict(line.partition("=")[::2] for line in lines)
    microseconds = values.get("USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdigit() else None
