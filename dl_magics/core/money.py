"""Amounts in US dollars: prices with their day, the cost of a time, and their formats."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

HOURS_PER_MONTH = 730
"""The hours by which AWS counts a month."""

_MIN_BILLED_SECONDS = 60


def format_dollars(dollars: float | None) -> str:
    """Return `$0.62`; four decimals below 10 cents; `unknown` for None."""
    if dollars is None:
        return "unknown"
    digits = 2 if dollars == 0 or dollars >= 0.1 else 4
    return f"${dollars:,.{digits}f}"


def format_per_hour(dollars: float | None) -> str:
    """Return `$0.90/h` or `$0.526/h`; `price unknown` for None."""
    if dollars is None:
        return "price unknown"
    whole, _, cents = f"{dollars:,.4f}".partition(".")
    return f"${whole}.{cents[:2]}{cents[2:].rstrip('0')}/h"


def format_per_month(dollars: float | None) -> str:
    """Return `$8.00/month`; `price unknown` for None."""
    return "price unknown" if dollars is None else f"{format_dollars(dollars)}/month"


def cost(dollars_per_hour: float | None, seconds: float) -> float | None:
    """Return the dollars for `seconds`: EC2 bills by the second, at least a minute."""
    if dollars_per_hour is None:
        return None
    return dollars_per_hour * max(seconds, _MIN_BILLED_SECONDS) / 3600


def cost_share(dollars_per_hour: float | None, seconds: float) -> float | None:
    """Return the dollars for `seconds` of the time of a running instance: without a minimum."""
    return None if dollars_per_hour is None else dollars_per_hour * seconds / 3600


def format_duration(seconds: float) -> str:
    """Return `41 min`, `2 h 05 min` or `12 s`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for an hour, or for a GiB and month of a disk, as `source` had them on `day`."""

    dollars: float
    day: str
    source: str


def describe_price(price: Price | None) -> str:
    """Return `$0.526/h by the AWS price list of 2026-11-26`; `price unknown` for None."""
    if price is None:
        return format_per_hour(None)
    return f"{format_per_hour(price.dollars)} by the {price.source} of {price.day}"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The cost of an instance from start to stop, and of its disks and addresses for a month.

    `price_day` is the day of the price of its hour; amounts are None if a price is unknown.
    `elastic_ips` are the addresses that it keeps, and that cost, while it is stopped.
    """

    name: str
    seconds: float
    dollars: float | None
    dollars_per_month: float | None
    price_day: str = ""
    elastic_ips: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __repr__(self) -> str:
        return f"{self.name}: {self}"

    def __str__(self) -> str:
        kept = "the disks and Elastic IPs cost" if self.elastic_ips else "the disk costs"
        day = f" by the price of {self.price_day}" if self.price_day else ""
        return (
            f"{format_duration(self.seconds)}, {format_dollars(self.dollars)}{day}; "
            f"while stopped {kept} {format_dollars(self.dollars_per_month)} a month"
        )
