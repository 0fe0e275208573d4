"""The dollars of a history in a span of time, by the rules of AWS, exact to the last digit.

An instance and its public IPv4 addresses are billed by the second, at least a minute for each
start; a disk by its share of the seconds of the month.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Literal

from dl_magics.core import money
from dl_magics.core.billing.history import Period

Part = Literal["instance", "IPv4 address", "disk"]
FOREVER = 2**62
"""An end after all that was seen."""

MIN_SECONDS = 60
"""For which each start is billed at least."""

_HOUR = 3600
_FORMATS = {"instance": money.format_per_hour, "IPv4 address": money.format_per_hour}


@dataclass(frozen=True, slots=True)
class PartCost:
    """The dollars for one part of an instance, None if a price is unknown; `prices` with days."""

    part: Part
    dollars: Decimal | None
    prices: tuple[tuple[float, str], ...]

    @property
    def price_text(self) -> str:
        """Its prices with their days: `$0.526/h, 2026-11-26`."""
        shown = _FORMATS.get(self.part, money.format_per_month)
        return "; ".join(f"{shown(price)}, {day}" for price, day in self.prices)

    def __str__(self) -> str:
        """`instance $0.36 ($0.526/h, 2026-11-26)`."""
        prices = f" ({self.price_text})" if self.prices else ""
        return f"{self.part} {money.format_dollars(self.dollars)}{prices}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What an instance cost in a span of time: running for `seconds`, by its parts.

    `unseen_seconds` are those in which it may have run, for `unseen_dollars` more at most.
    """

    seconds: int
    parts: tuple[PartCost, ...]
    unseen_seconds: int = 0
    unseen_dollars: Decimal | None = Decimal(0)

    @property
    def dollars(self) -> Decimal | None:
        """The sum of its parts; None if one of them is unknown."""
        return add_up(each.dollars for each in self.parts)

    @property
    def unseen_text(self) -> str:
        """A sentence on the time that was not seen; "" if there is none."""
        if not self.unseen_seconds:
            return ""
        return (
            f"It may have run {money.format_duration(self.unseen_seconds)} longer, for at most "
            f"{money.format_dollars(self.unseen_dollars)} more: its stop was not seen, and EC2 "
            "does not tell when it was"
        )


@dataclass(slots=True)
class _Sum:
    """Adds price × time exactly; it is unknown once a price is."""

    dollars: Decimal | None = Decimal(0)
    prices: dict[tuple[float, str], None] = field(default_factory=dict)

    def add(self, price: float | None, day: str, count: int, seconds: int, per: int) -> None:
        if not seconds or not count:
            return
        if price is None or self.dollars is None:
            self.dollars = None
            return
        # `repr` of a float is the price as AWS lists it.
        self.dollars += Decimal(repr(price)) * count * seconds / per
        if price:
            self.prices[price, day] = None

    def part(self, name: Part) -> PartCost:
        return PartCost(name, self.dollars, tuple(self.prices))


def compute_cost(history: Sequence[Period], begin: int = 0, end: int = FOREVER) -> Cost:
    """Return what the periods cost from `begin` to `end`, seconds since the epoch.

    What is missing to the minute of a start counts where the start does.
    """
    instance, address, disk, unseen = _Sum(), _Sum(), _Sum(), _Sum()
    running = unseen_seconds = 0
    for period in _clip(history, begin, end):
        disk_prices = (period.month, period.month_day)
        for seconds, of_month in _split_months(period):
            disk.add(*disk_prices, 1, seconds, of_month)
        if period.state == "unseen":
            unseen_seconds += period.seconds
            unseen.add(period.hour, "", 1, period.seconds, _HOUR)
            unseen.add(period.address, "", period.addresses, period.seconds, _HOUR)
            continue
        _add_address(address, period, period.seconds)
        if period.state == "running":
            running += period.seconds
            instance.add(period.hour, period.hour_day, 1, period.seconds, _HOUR)
    for last, missing in _missing_to_minute(history, begin, end):
        instance.add(last.hour, last.hour_day, 1, missing, _HOUR)
        _add_address(address, last, missing)
    parts = (instance.part("instance"), address.part("IPv4 address"), disk.part("disk"))
    return Cost(running, parts, unseen_seconds, unseen.dollars)


def add_costs(costs: Iterable[Cost]) -> Decimal | None:
    """Return the sum of costs; None if one is unknown."""
    return add_up(each.dollars for each in costs)


def add_up(dollars: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum; None if one is unknown."""
    total = Decimal(0)
    for each in dollars:
        if each is None:
            return None
        total += each
    return total


def month_start(at: float) -> int:
    """Return when the month of a time began, in UTC, by which AWS bills."""
    now = datetime.fromtimestamp(at, UTC)
    return int(datetime(now.year, now.month, 1, tzinfo=UTC).timestamp())


def _add_address(address: _Sum, period: Period, seconds: int) -> None:
    address.add(period.address, period.address_day, period.addresses, seconds, _HOUR)


def _clip(history: Iterable[Period], begin: int, end: int) -> Iterator[Period]:
    for each in history:
        began, ended = max(each.began_at, begin), min(each.ended_at, end)
        if began < ended:
            yield replace(each, began_at=began, ended_at=ended)


def _missing_to_minute(
    history: Iterable[Period], begin: int, end: int
) -> Iterator[tuple[Period, int]]:
    """Yield the last period of each start that ran less than a minute, and what is missing."""
    running = (each for each in history if each.state == "running")
    for _, periods in groupby(running, key=lambda each: each.launched_at):
        first, *more = periods
        seconds = sum(each.seconds for each in (first, *more))
        if seconds < MIN_SECONDS and begin <= first.began_at < end:
            yield (more or [first])[-1], MIN_SECONDS - seconds


def _split_months(period: Period) -> Iterator[tuple[int, int]]:
    """Yield the seconds of a period in each month, and the seconds of that month."""
    began = period.began_at
    while began < period.ended_at:
        start = month_start(began)
        next_month = month_start(start + 32 * 86_400)
        ended = min(period.ended_at, next_month)
        yield ended - began, next_month - start
        began = ended
