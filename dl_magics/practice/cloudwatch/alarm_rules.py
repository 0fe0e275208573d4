"""When an alarm changes its state, by "Alarm evaluation" in the user guide of CloudWatch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import ge, gt, le, lt

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": ge,
    "GreaterThanThreshold": gt,
    "LessThanOrEqualToThreshold": le,
    "LessThanThreshold": lt,
}
MORE_POINTS = 2
"""How many points beyond the evaluation periods are looked at where some are missing."""


def evaluate(
    points: Sequence[bool | None], before: str, *, periods: int, needed: int, missing: str
) -> str:
    """Return the state of an alarm after these points, the newest one last.

    Parameters
    ----------
    points
        Whether each breaches the threshold; None where there is no data.
    before
        The state of the alarm until now.
    periods, needed
        How many points are evaluated, and how many of them must breach.
    missing
        How missing data is treated: missing, ignore, breaching or notBreaching.
    """
    known = [each for each in points if each is not None][-periods:]
    breaching, filled = sum(known), periods - len(known)
    if missing == "breaching":
        return ALARM if breaching + filled >= needed else OK
    if breaching >= needed:
        return ALARM
    if missing == "notBreaching":
        return OK
    if not known:
        return INSUFFICIENT if missing == "missing" else before
    if not breaching or breaching + filled < needed:
        return OK
    return ALARM if missing == "missing" and _breaches_since(points, needed) else before


def _breaches_since(points: Sequence[bool | None], needed: int) -> bool:
    """Whether the oldest breaching point is old enough, and none after it is within the threshold.

    With missing data one point is enough for AWS: see "Avoiding premature transitions".
    """
    newest_first = list(reversed(points))
    within = newest_first.index(False) if False in newest_first else len(newest_first)
    return any(each for each in newest_first[needed - 1 : within])
