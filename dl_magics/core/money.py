"""Amounts in US dollars: prices with their day, the cost of a time, and their formats."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

HOURS_PER_MONTH = 730
"""The hours by which AWS counts a month."""

_MIN_BILLED_SECONDS = 60


def format_dollars(dollars: float | Decimal | None) -> str:
    """Return `$0.62`; four decimals below 10 cents; `unknown` for None."""
    if dollars is None:
        return "unknown"
    digits = 2 if dollars == 0 or dollars >= 0.1 else 4
    exact = dollars if isinstance(dollars, Decimal) else Decimal(repr(dollars))
    return f"${exact.quantize(Decimal(10) ** -digits, ROUND_HALF_UP):,f}"


def format_per_hour(dollars: float | None) -> str:
    """Return `$0.90/h` or `$0.526/h`; `price unknown` for None."""
    if dollars is None:
        return "price unknown"
    whole, _, cents = f"{dollars:,.4f}".partition(".")
    return f"${whole}.{cents[:2]}{cents[2:].rstrip('0')}/h"


def format_per_month(dollars: float | None) -> str:
    """Return `$8.00/month`; `price unknown` for None."""
    return "price unknown" if dollars is None else f"{format_dollars(dollars)}/month"


def add_day(amount: str, day: str) -> str:
    """Return `$0.526/h (2026-11-26)`: an amount with the day of its price, if that is known."""
    return f"{amount} ({day})" if day else amount


def cost(dollars_per_hour: float | None, seconds: float) -> float | None:
    """Return the dollars for `seconds`: EC2 bills by the second, at least a minute."""
    if dollars_per_hour is None:
        return None
    return dollars_per_hour * max(seconds, _MIN_BILLED_SECONDS) / 3600


def format_duration(seconds: float) -> str:
    """Return `41 min`, `2 h`, `2 h 05 min` or `12 s`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"


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
