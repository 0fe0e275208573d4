"""What browsers see of the guard of an instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardView:
    """What browsers see of a guard: when it stops the instance, in seconds since the epoch.

    `stops_at` is None while something works, or where it does not stop the instance.
    """

    armed: bool
    state: str
    reason: str
    stops_at: float | None

    def to_json(self) -> dict[str, Any]:
        """Return values for JSON; a time that only the clock has moved stays the same."""
        stops_at = None if self.stops_at is None else round(self.stops_at, -1)
        return {
            "armed": self.armed,
            "state": self.state,
            "reason": self.reason,
            "stops_at": stops_at,
        }
