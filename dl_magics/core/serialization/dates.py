"""Dates, times and time zones of the standard library."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any

from dl_magics.core.serialization.codec import Codec, Codecs, Parts, UnsupportedType


def _split_datetime(value: datetime) -> Parts:
    numbers = [value.year, value.month, value.day, *_clock(value)]
    return [value.tzinfo], [*numbers, value.fold]


def _join_datetime(parts: list[Any], data: list[int]) -> datetime:
    year, month, day, hour, minute, second, microsecond, fold = data
    return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=parts[0], fold=fold)


def _split_time(value: time) -> Parts:
    return [value.tzinfo], [*_clock(value), value.fold]


def _join_time(parts: list[Any], data: list[int]) -> time:
    hour, minute, second, microsecond, fold = data
    return time(hour, minute, second, microsecond, tzinfo=parts[0], fold=fold)


def _clock(value: Any) -> list[int]:
    return [value.hour, value.minute, value.second, value.microsecond]


def _split_offset(value: Any) -> Parts:
    """Take a fixed offset apart: that of `datetime` with its name, or one of pytz."""
    named = getattr(value, "__getinitargs__", None)
    return ([*named()] if named else [value.utcoffset(None)]), None


def is_pytz_zone(value: Any) -> bool:
    """Whether a value is a named time zone of pytz, each of which is a class of its own."""
    named = isinstance(value, tzinfo) and type(value).__module__.partition(".")[0] == "pytz"
    return named and bool(getattr(value, "zone", None))


def split_zone(value: Any) -> Parts:
    """Take a named time zone apart: of zoneinfo, which Python 3.8 lacks, or of pytz."""
    name = getattr(value, "key", None) or getattr(value, "zone", None)
    if not name:
        raise UnsupportedType("time zone without a name")
    return [], name


def _join_zone(_: list[Any], name: str) -> tzinfo:
    try:
        from zoneinfo import ZoneInfo
    except ImportError:
        return _find_pytz_zone(name)
    return ZoneInfo(name)


def _find_pytz_zone(name: str) -> tzinfo:
    """Return a zone of pytz, which pandas before 3 brings along."""
    from importlib import import_module

    zone: tzinfo = import_module("pytz").timezone(name)
    return zone


_OFFSET = Codec(_split_offset, lambda parts, _: timezone(*parts))

CODECS: Codecs = {
    "datetime.datetime": Codec(_split_datetime, _join_datetime),
    "datetime.date": Codec(
        lambda value: ([], [value.year, value.month, value.day]), lambda _, data: date(*data)
    ),
    "datetime.time": Codec(_split_time, _join_time),
    "datetime.timedelta": Codec(
        lambda value: ([], [value.days, value.seconds, value.microseconds]),
        lambda _, data: timedelta(*data),
    ),
    "datetime.timezone": _OFFSET,
    "pytz._FixedOffset": _OFFSET,
    "zoneinfo.ZoneInfo": Codec(split_zone, _join_zone),
}
