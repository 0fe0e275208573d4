"""What a guard reports, as a value; it comes from the instance and is checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dl_magics.guard.service import usage
from dl_magics.guard.service.settings import Settings
from dl_magics.guard.service.usage import Usage
from dl_magics.text import escape_controls

_STALE_TICKS = 4
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardStatus:
    """The guard of an instance when it was asked; times are in seconds from then on.

    Parameters
    ----------
    running
        Whether its process runs.
    age
        How long ago it looked at the instance; None if it has not since the boot.
    action, state, reason
        What it decided then: see `service.decision`.
    seconds_left
        When it stops the instance if nothing changes; None if it does not.
    shutdown_left
        When the pending shutdown of the system comes; None if there is none.
    shutdown_error
        What `shutdown` printed, if it failed.
    kept_left
        How long the instance is kept running.
    end_left
        When it stops the instance in any case; None if no such end is set.
    restarted_by
        What restarts the guard if it ends: "systemd" or "".
    spot_notice, spot_left
        "spot-stop", "spot-terminate" or "spot-rebalance" if AWS gave this notice since the boot,
        else "", and when AWS acts on it.
    settings, settings_damaged
        Its settings, and whether the file of them cannot be read: it then uses those of its last
        look.
    usage
        The GPU-busy share of this boot; None if nothing was sampled.
    """

    running: bool
    age: float | None
    action: str
    state: str
    reason: str
    seconds_left: float | None
    shutdown_left: float | None
    shutdown_error: str
    kept_left: float
    end_left: float | None
    restarted_by: str
    spot_notice: str
    spot_left: float | None
    settings: Settings
    settings_damaged: bool
    usage: Usage | None

    @property
    def armed(self) -> bool:
        """Whether it runs and looks at the instance regularly."""
        longest = _STALE_TICKS * self.settings.tick_seconds + 60
        return self.running and self.age is not None and self.age < longest

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> GuardStatus:
        """Return the status of these values; those that are not valid count as not known."""
        boot, usages = values.get("boot"), values.get("usages")
        known = [usage.parse_usage(each) for each in usages] if isinstance(usages, list) else []
        settings, spot = values.get("settings"), values.get("spot")
        notice = spot if isinstance(spot, dict) else {}
        return cls(
            running=values.get("running") is True,
            age=_number(values.get("age")),
            action=_text(values.get("action")),
            state=_text(values.get("state")),
            reason=_text(values.get("reason")),
            seconds_left=_number(values.get("seconds_left")),
            shutdown_left=_number(values.get("shutdown_left")),
            shutdown_error=_text(values.get("shutdown_error")),
            kept_left=_number(values.get("kept_left")) or 0.0,
            end_left=_number(values.get("end_left")),
            restarted_by=_text(values.get("restarted_by")),
            spot_notice=_text(notice.get("reason")),
            spot_left=_number(notice.get("left")),
            settings=Settings.from_values(settings if isinstance(settings, dict) else {}),
            settings_damaged=values.get("settings_damaged") is True,
            usage=next((each for each in known if each and each.boot == boot), None),
        )


def _number(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None


def _text(value: Any) -> str:
    return escape_controls(value[:_LONGEST]) if isinstance(value, str) else ""
