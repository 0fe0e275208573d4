"""Spot prices, which change by zone and hour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dl_magics.aws.pricing import price_cache
from dl_magics.aws.pricing.zone_prices import ZonePrices
from dl_magics.aws.session import AwsSession
from dl_magics.core.money import Price
from dl_magics.errors import DLMagicsError


def read_spot_prices(
    session: AwsSession, types: list[str], zone: str | None = None
) -> dict[str, Price]:
    """Return the lowest spot price of each type now, in a zone or in the region, if known."""
    lowest: dict[str, float] = {}
    for each in _read_history(session, types, zone):
        dollars = float(each["SpotPrice"])
        lowest[each["InstanceType"]] = min(dollars, lowest.get(each["InstanceType"], dollars))
    return {type_: _make_price(dollars) for type_, dollars in lowest.items()}


def read_zone_prices(session: AwsSession, type_: str, zone: str | None = None) -> ZonePrices:
    """Return the spot prices of a type now, in a zone or in each of the region, if known."""
    history = _read_history(session, [type_], zone)
    return ZonePrices(
        {each["AvailabilityZone"]: _make_price(float(each["SpotPrice"])) for each in history}
    )


def _read_history(session: AwsSession, types: list[str], zone: str | None) -> list[Any]:
    try:
        history, _ = session.query_pages(
            "ec2",
            "describe_spot_price_history",
            "SpotPriceHistory",
            InstanceTypes=types,
            ProductDescriptions=["Linux/UNIX", "Linux/UNIX (Amazon VPC)"],
            StartTime=datetime.now(UTC),
            **({"AvailabilityZone": zone} if zone else {}),
        )
    except DLMagicsError:
        return []
    return history


def _make_price(dollars: float) -> Price:
    today = datetime.now().date().isoformat()
    return Price(dollars, today, price_cache.SPOT_SOURCE)
