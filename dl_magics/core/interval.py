"""How sure a share of a few images is: the 95 % interval of Wilson (1927).

Unlike the mean plus or minus two standard errors it is right for few images, and at 0 % and 100 %.
"""

from __future__ import annotations

import math
from typing import NamedTuple

# The standard normal distribution has 95 % of its values within plus or minus this.
_Z = 1.959963984540054


class Interval(NamedTuple):
    """Bounds of a share, from 0 to 1."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.low:.1f} to {100 * self.high:.1f} %"


def wilson_interval(successes: int, trials: int) -> Interval:
    """Return the 95 % interval of a share; 0 to 1 without trials."""
    if not trials:
        return Interval(0.0, 1.0)
    share, square = successes / trials, _Z**2 / trials
    centre = (share + square / 2) / (1 + square)
    half = _Z * math.sqrt(share * (1 - share) / trials + square / trials / 4) / (1 + square)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return Interval(low, high)
