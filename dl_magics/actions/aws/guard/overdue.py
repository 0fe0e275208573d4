"""Whether an instance runs though its guard had to stop it: a pure decision.

It does not need the guard: what EC2 says of the instance and what this computer knows are enough.
What is unknown counts as work for the idle timeout, and never moves an end that was set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dl_magics.actions.aws.guard.alarm import LOW_CORES
from dl_magics.actions.aws.guard.records import GuardRecord
from dl_magics.guard.service.decision import ENDING
from dl_magics.guard.status import GuardStatus

GRACE_SECONDS = 900.0
"""The guard, and its pending shutdown ten minutes later, come first."""

_AVERAGED_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What this computer knows of the work on an instance.

    Parameters
    ----------
    works
        Whether a run goes on or a kernel is in use there; None if that is unknown.
    at
        When something was last done there from here, in seconds since the epoch; 0 for never.
    """

    works: bool | None
    at: float = 0.0


def find_end(record: GuardRecord, launched_at: float) -> float | None:
    """Return the end that was set for this start of the instance; None if there is none."""
    ends = [] if record.max_seconds is None else [launched_at + record.max_seconds]
    if record.until is not None and record.until > launched_at:
        ends.append(record.until)
    return min(ends, default=None)


def find_idle_end(
    record: GuardRecord, status: GuardStatus | None, activity: Activity, launched_at: float
) -> float | None:
    """Return when an instance without a running guard has been idle for its time, by what is known.

    None where its guard runs, no idle timeout is set, or something may work there.
    """
    if record.idle_seconds is None or activity.works is not False or (status and status.armed):
        return None
    last = max(launched_at, record.active_at, activity.at)
    return max(last + record.idle_seconds, record.kept_until)


def is_past_end(
    record: GuardRecord, status: GuardStatus | None, launched_at: float, now: float
) -> bool:
    """Whether the end that was set has passed so long ago that the guard must have failed."""
    # A reboot begins the longest time again, and one that is newly set ends after a warning: only
    # the guard knows of it.
    if status and status.armed and (status.state != ENDING or status.seconds_left != 0):
        record = replace(record, max_seconds=None)
    end = find_end(record, launched_at)
    if end is not None and status is None:
        # It answered then: it had not failed before.
        end = max(end, record.heard_at)
    return end is not None and now > end + GRACE_SECONDS


def is_past_idle(
    record: GuardRecord,
    status: GuardStatus | None,
    activity: Activity,
    launched_at: float,
    now: float,
) -> bool:
    """Whether an instance without a running guard is idle for longer than its idle timeout."""
    end = find_idle_end(record, status, activity, launched_at)
    return end is not None and now > end + GRACE_SECONDS


def used_no_cpu(
    points: Sequence[tuple[float, float]], vcpus: int, since: float, now: float
) -> bool:
    """Whether AWS has measured the whole time since then, and always nearly no use of the CPU.

    `points` are the times, in seconds since the epoch, and the averages of five minutes, in
    percent. The last ones arrive late.
    """
    seen = [percent for at, percent in points if at >= since]
    expected = (now - since) / _AVERAGED_SECONDS - 4
    low = 100 * LOW_CORES / vcpus
    return len(seen) >= max(expected, 1) and all(percent < low for percent in seen)
