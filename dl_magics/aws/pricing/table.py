"""The bundled prices: what AWS listed on a day, by region."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from dl_magics.core.money import Price

SOURCE = "bundled table"
PUBLIC_IPV4 = Price(0.005, "2024-02-01", SOURCE)
"""A public IPv4 address for an hour, in use or not, in all regions that bill in dollars."""
ALARM = Price(0.10, "2026-11-26", SOURCE)
"""A CloudWatch alarm for a month, beyond the ten that cost nothing."""

# The regions of AWS China bill in yuan.
_OTHER_CURRENCY = "cn-"


def instance_price(type_: str, region: str | None) -> Price | None:
    """Return the on-demand price of an hour, or None if the table lacks the type or region."""
    return _read("instance_prices.csv").get((type_, region or ""))


def disk_price(volume_type: str, region: str | None) -> Price | None:
    """Return the price of a GiB and month, or None if the table lacks the type or region."""
    return _read("disk_prices.csv").get((volume_type, region or ""))


def address_price(region: str | None) -> Price | None:
    """Return the price of a public IPv4 address for an hour, or None if it is not in dollars."""
    return None if (region or "").startswith(_OTHER_CURRENCY) else PUBLIC_IPV4


def alarm_price(region: str | None) -> Price | None:
    """Return the price of a CloudWatch alarm for a month, or None if it is not in dollars."""
    return None if (region or "").startswith(_OTHER_CURRENCY) else ALARM


@cache
def _read(name: str) -> dict[tuple[str, str], Price]:
    """Return the prices of a table by type and region; a later day replaces an earlier one."""
    lines = files(__package__).joinpath(name).read_text(encoding="utf-8").splitlines()
    rows = csv.reader(line for line in lines if not line.startswith("#"))
    regions = next(rows)[2:]
    return {
        (type_, region): Price(float(dollars), day, SOURCE)
        for day, type_, *prices in sorted(rows)
        for region, dollars in zip(regions, prices, strict=True)
        if dollars
    }
