"""A time of day as people type it, `23:00`, as seconds since the epoch."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from dl_magics.errors import BadSetting

_TEXT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


def parse_option(name: str, value: Any, now: float) -> float | None:
    """Return when it is next this time of day here, after `now`; `"off"` gives None.

    Raises
    ------
    BadSetting
        if the value is not a time of day.
    """
    if isinstance(value, str) and value.strip().lower() == "off":
        return None
    match = _TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise BadSetting(
            f"{name} = {value!r:.60} is not a time of day.",
            fix=f"Use hours and minutes: {name} 23:00, or off.",
        )
    today = datetime.fromtimestamp(now)
    then = today.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0)
    # Added to the date: a day on which the clocks change has 23 or 25 hours.
    return (then if then > today else then + timedelta(days=1)).timestamp()


def format_time(when: float, now: float) -> str:
    """Return a time as `23:00`, with its day if that is not today."""
    then = datetime.fromtimestamp(when)
    same_day = then.date() == datetime.fromtimestamp(now).date()
    return f"{then:%H:%M}" if same_day else f"{then:%a %d %b %H:%M}"
