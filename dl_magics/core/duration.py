"""The one parser of durations: `30` (minutes), `"90s"`, `"30m"`, `"2h"`, and `"off"` where allowed.

Runs on the instance too: standard library only.
"""

from __future__ import annotations

import math
import re
from typing import Any

from dl_magics.errors import BadSetting

SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600}
LONGEST_SECONDS = 365 * 24 * 3600
"""A longer wait is a typing error, and would overflow the timers of the operating system."""

_BARE = {"s": "seconds", "m": "minutes", "h": "hours"}
_TEXT = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([smh]?)", re.ASCII)


def to_seconds(value: Any, *, unit: str = "m", zero: bool = False) -> float:
    """Convert a duration to seconds.

    Parameters
    ----------
    value
        A number in `unit`s, or a text: a number followed by `s`, `m` or `h`, or by nothing.
    unit
        The unit of a number without one: `"s"`, `"m"` or `"h"`.
    zero
        Whether 0 is a valid duration.

    Raises
    ------
    ValueError
        for NaN, infinity, a negative number, 0 unless `zero`, more than 365 days, and whatever
        is not a duration. Its message says what is expected.
    """
    amount, unit_name = value, unit
    if isinstance(value, str):
        match = _TEXT.fullmatch(value.strip().lower())
        amount, unit_name = (match[1], match[2] or unit) if match else (None, unit)
    try:
        seconds = math.nan if isinstance(amount, (bool, bytes)) else float(amount)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    seconds *= SECONDS_PER_UNIT[unit_name]
    if not (0 < seconds <= LONGEST_SECONDS or (zero and seconds == 0)):
        raise ValueError(expected_format(unit))
    return abs(seconds)


def parse_option(
    name: str, value: Any, *, unit: str = "m", zero: bool = False, off: bool = False
) -> float | None:
    """Convert the value of an option or setting to seconds; `"off"` gives None where allowed.

    Raises
    ------
    BadSetting
        for a value that `to_seconds` refuses.
    """
    if off and isinstance(value, str) and value.strip().lower() == "off":
        return None
    try:
        return to_seconds(value, unit=unit, zero=zero)
    except ValueError as expected:
        suffix = ", or off" if off else ""
        raise BadSetting(
            f"{name} = {_shorten(value)} is not a valid duration.", fix=f"Use {expected}{suffix}."
        ) from None


def expected_format(unit: str = "m") -> str:
    """Describe a valid duration, for messages and tables of settings."""
    return f'{_BARE[unit]} such as 30, or a text such as "90s", "30m", "2h"; at most 365 days'


def _shorten(value: Any) -> str:
    # An integer of more than 4,300 digits has no repr.
    try:
        text = repr(value)
    except ValueError:
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."
