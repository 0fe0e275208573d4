"""Validators of settings: each returns the value, or raises ValueError with what is expected."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from dl_magics.core.duration import to_seconds

_MOST_NAMES = 100

Rule = Callable[[Any], Any]


def whole(low: int, high: int = 10**9) -> Rule:
    """An integer from `low` to `high`; NumPy integers are accepted, True and 2.5 are not."""

    def rule(value: Any) -> int:
        wanted = ValueError(f"a whole number from {low} to {high:,}")
        if isinstance(value, bool):
            raise wanted
        try:
            number = operator.index(value)
        except TypeError:
            raise wanted from None
        if not low <= number <= high:
            raise wanted
        return number

    return rule


def number(above: float, below: float = math.inf, *, zero: bool = False) -> Rule:
    """A finite number between `above` and `below`, both excluded; `zero` also allows 0."""

    def rule(value: Any) -> float:
        limit = f" and below {below:g}" if below < math.inf else ""
        zeroed = ", or 0" if zero and above >= 0 else ""
        wanted = ValueError(f"a number above {above:g}{limit}{zeroed}")
        if isinstance(value, (bool, str, bytes)):
            raise wanted
        try:
            as_float = float(value)
        except (TypeError, ValueError, OverflowError):
            raise wanted from None
        if zero and as_float == 0:
            return 0.0
        if not (math.isfinite(as_float) and above < as_float < below):
            raise wanted
        return as_float

    return rule


def one_of(*choices: Any) -> Rule:
    """One of the given values."""

    def rule(value: Any) -> Any:
        for choice in choices:
            if type(value) is type(choice) and value == choice:
                return choice
        raise ValueError(" or ".join(repr(choice) for choice in choices))

    return rule


def either(first: Rule, second: Rule) -> Rule:
    """A value accepted by one of two validators."""

    def rule(value: Any) -> Any:
        try:
            return first(value)
        except ValueError as refused:
            try:
                return second(value)
            except ValueError as also:
                raise ValueError(f"{refused} or {also}") from None

    return rule


def nonempty_text(value: Any) -> str:
    """A non-empty string or a path."""
    as_text = str(value) if hasattr(value, "__fspath__") else value
    if not isinstance(as_text, str) or not as_text.strip():
        raise ValueError("a text")
    return as_text


def sizes(value: Any) -> tuple[int, ...]:
    """A list of layer sizes; a single number is a list of one."""
    size = whole(1, 65536)
    try:
        listed = value if isinstance(value, (list, tuple)) else [value]
        return tuple(size(each) for each in listed)
    except ValueError:
        raise ValueError("a list of whole numbers from 1 to 65,536, such as [256]") from None


def names(value: Any) -> tuple[str, ...]:
    """A name, or a list of different names, such as ["crew-1", "crew-2"]."""
    listed = value if isinstance(value, (list, tuple)) else [value]
    found = tuple(each.strip() for each in listed if isinstance(each, str) and each.strip())
    if not found or len(found) != len(listed) or len(set(found)) < len(found):
        raise ValueError('a name, or a list of different names, such as ["crew-1", "crew-2"]')
    if len(found) > _MOST_NAMES:
        raise ValueError(f"a list of at most {_MOST_NAMES} names")
    return found


def weights(value: Any) -> dict[str, float]:
    """Weights by name, such as {"cats": 2.0}."""
    weight = number(0)
    try:
        if isinstance(value, Mapping) and value and all(isinstance(each, str) for each in value):
            return {name: weight(each) for name, each in value.items()}
    except ValueError:
        pass
    raise ValueError('a dict of numbers above 0 by class, such as {"cats": 2.0}')


def duration(value: Any) -> float:
    """A duration in seconds, from minutes (30) or a text such as "90s", "30m", "2h"."""
    return to_seconds(value)
