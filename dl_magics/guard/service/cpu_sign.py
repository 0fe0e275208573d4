"""Uses the CPU for a moment where the GPU works alone, so that AWS sees that something works.

An alarm of CloudWatch stops the instance after two hours or more in which no five minutes had 0.1
busy CPU cores. It cannot see a GPU.

Thirty CPU seconds within five minutes of AWS are that many cores. Their beginning is not known, so
it takes sixty in a row, and some more, as no sign may be missed. A lower mark would be reached by
what runs on an idle instance, too. Where the CPU works as well, nothing is used.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

VISIBLE_CORES = 0.15
STRETCH_SECONDS = 600.0
"""Where this many cores were busy for so long, five minutes of it had 0.1, wherever they began."""

REST_SECONDS = 3000.0
BURST_SECONDS = 90.0
_SLICE_SECONDS = 0.1


@dataclass
class CpuSign:
    """When AWS has last seen the CPU in use, and since when it is counted, by the awake clock.

    A guard that has just started knows nothing of the time before.
    """

    began: float
    seen_at: float
    spent: float = 0.0
    burst: float = 0.0

    def note(self, awake: float, seconds: float, cores: float | None) -> None:
        """Add what the last seconds before `awake` have used; a failed check counts as nothing."""
        self.spent += seconds * (cores or 0.0)
        if awake - self.began >= STRETCH_SECONDS:
            if self.spent >= VISIBLE_CORES * STRETCH_SECONDS:
                self.seen_at = awake
            self.began, self.spent = awake, 0.0

    def is_due(self, awake: float) -> bool:
        """Whether the CPU must be used now, if something works."""
        return awake - self.seen_at >= REST_SECONDS

    def note_burst(self, awake: float, seconds: float) -> None:
        """Add CPU seconds that were used for the sign; without a pause they are enough."""
        self.burst += seconds
        if self.burst >= BURST_SECONDS:
            self.seen_at, self.burst = awake, 0.0


def begin_sign(awake: float) -> CpuSign:
    """Return the sign of a guard that starts: unless the CPU is in use now, it is due soon."""
    return CpuSign(began=awake, seen_at=awake - REST_SECONDS + STRETCH_SECONDS)


def use_cpu() -> float:
    """Use a core for a tenth of a second; return the seconds."""
    end = time.monotonic() + _SLICE_SECONDS
    while time.monotonic() < end:
        pass
    return _SLICE_SECONDS
