"""What the fields of events may hold: the types that `events.py` annotates its fields with.

A log may have been written by another program, or sent by a host that cannot be trusted. Whatever
passes these rules can be compared, formatted and escaped without a further check.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

Phase = Literal["features", "head", "unfrozen", "evaluate"]
Status = Literal["done", "stopped", "failed", "interrupted"]
Unit = Literal["images", "epochs"]

METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
"""The metrics that each epoch has."""

BALANCED_ACCURACY = "balanced_accuracy"
"""The mean of the accuracies of all classes; an epoch has it where the classes are uneven."""

_LARGEST = 2**53
_LONGEST_TEXT = 2**20
_DEEPEST = 6
_SOURCES = ("head", "augment_function")
_SHA256 = re.compile("[0-9a-f]{64}")

Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Rule:
    """Which values a field accepts, and the words for them."""

    words: str
    accepts: Check


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) <= _LARGEST)


def _is_duration(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value) and 0 <= value <= _LARGEST


def _is_json(value: Any, depth: int = _DEEPEST) -> bool:
    if isinstance(value, Mapping):
        return depth > 0 and all(
            _is_text(key) and _is_json(each, depth - 1) for key, each in value.items()
        )
    if isinstance(value, (list, tuple)):
        return depth > 0 and all(_is_json(each, depth - 1) for each in value)
    return value is None or type(value) is bool or _is_number(value) or _is_text(value)


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _one_of(values: tuple[Any, ...]) -> Check:
    return lambda value: isinstance(value, str) and value in values


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, (list, tuple)) and all(map(check, value))


def _mapping_to(check: Check) -> Check:
    return lambda value: (
        isinstance(value, Mapping) and all(map(_is_text, value)) and all(map(check, value.values()))
    )


def _is_recipe(value: Any) -> bool:
    return (
        _mapping_to(_is_json)(value)
        and all(_is_text(value.get(name, "")) for name in ("model", "data", *_SOURCES))
        and all(_is_count(value.get(name, 0)) for name in ("epochs", "unfreeze_epochs"))
    )


def _is_host(value: Any) -> bool:
    return (
        _mapping_to(_is_json)(value)
        and all(_is_text(value.get(name, "")) for name in ("name", "id", "type", "price_day"))
        and (value.get("dollars_per_hour") is None or _is_duration(value["dollars_per_hour"]))
    )


def _is_counts(value: Any) -> bool:
    return _mapping_to(_mapping_to(_is_count))(value) and set(value) == {"train", "valid"}


def _is_logs(value: Any) -> bool:
    return _mapping_to(_is_number)(value) and set(METRICS) <= set(value)


def _is_skipped(value: Any) -> bool:
    return _mapping_to(_is_text)(value) and {"path", "reason"} <= set(value)


def _is_worker(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and all(_is_text(value.get(name)) for name in ("name", "state"))
        and _is_count(value.get("images"))
        and _is_duration(value.get("images_per_second"))
        and all(
            value.get(name) is None or _is_duration(value[name])
            for name in ("dollars", "dollars_per_hour")
        )
    )


def total_price(workers: Iterable[Mapping[str, Any]]) -> float | None:
    """Return what an hour of all workers of a crew costs; None where none has a known price."""
    prices = [each.get("dollars_per_hour") for each in workers]
    known = [float(each) for each in prices if each is not None]
    return sum(known) if known else None


def _is_range(value: Any) -> bool:
    return _list_of(_is_number)(value) and len(value) in (0, 2)


Text = Annotated[str, Rule("text", _is_text)]
Flag = Annotated[bool, Rule("true or false", lambda value: type(value) is bool)]
Count = Annotated[int, Rule("a number from 0", _is_count)]
Position = Annotated[int, Rule("a number from 1", lambda value: _is_count(value) and value > 0)]
OptionalCount = Annotated[
    int | None, Rule("a number from 0, or null", lambda value: value is None or _is_count(value))
]
OptionalAmount = Annotated[
    float | None,
    Rule("a number from 0, or null", lambda value: value is None or _is_duration(value)),
]
Number = Annotated[float, Rule("a number", _is_number)]
Seconds = Annotated[float, Rule("seconds from 0", _is_duration)]
PhaseName = Annotated[Phase, Rule(" or ".join(get_args(Phase)), _one_of(get_args(Phase)))]
StatusName = Annotated[Status, Rule(" or ".join(get_args(Status)), _one_of(get_args(Status)))]
UnitName = Annotated[Unit, Rule(" or ".join(get_args(Unit)), _one_of(get_args(Unit)))]
Sha256 = Annotated[str, Rule("64 hexadecimal digits", _is_sha256)]
Names = Annotated[list[str], Rule("a list of text", _list_of(_is_text))]
Counts = Annotated[
    Mapping[str, Mapping[str, int]], Rule("the images of each class and part", _is_counts)
]
Recipe = Annotated[Mapping[str, Any], Rule("a recipe", _is_recipe)]
Host = Annotated[Mapping[str, Any], Rule("a host", _is_host)]
Values = Annotated[Mapping[str, Any], Rule("JSON values by name", _mapping_to(_is_json))]
Texts = Annotated[Mapping[str, str], Rule("text by name", _mapping_to(_is_text))]
Skipped = Annotated[
    list[Mapping[str, str]], Rule("a list of files with the reason", _list_of(_is_skipped))
]
Workers = Annotated[
    list[Mapping[str, Any]],
    Rule("a list of workers with their images, speed and dollars", _list_of(_is_worker)),
]
Range = Annotated[list[float], Rule("two numbers, or none", _is_range)]
Logs = Annotated[Mapping[str, float], Rule(f"numbers for {', '.join(METRICS)}", _is_logs)]
Numbers = Annotated[Mapping[str, float], Rule("numbers by name", _mapping_to(_is_number))]
Durations = Annotated[Mapping[str, float], Rule("seconds by name", _mapping_to(_is_duration))]
Files = Annotated[Mapping[str, str], Rule("SHA-256 by name", _mapping_to(_is_sha256))]
