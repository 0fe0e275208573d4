"""Spot prices, which change by zone and hour."""

from __future__ import annotations

from datetime import UTC, datetime

from dl_magics.aws.pricing import price_cache
from dl_magics.aws.session import AwsSession
from dl_magics.core.money import Price
from dl_magics.errors import DLMagicsError


def read_spot_prices(
    session: AwsSession, types: list[str], zone: str | None = None
) -> dict[str, Price]:
    """Return the lowest spot price of each type now, in a zone or in the region, if known."""
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
        return {}
    lowest: dict[str, float] = {}
    for each in history:
        dollars = float(each["SpotPrice"])
        lowest[each["InstanceType"]] = min(dollars, lowest.get(each["InstanceType"], dollars))
    today = datetime.now().date().isoformat()
    return {
        type_: Price(dollars, today, price_cache.SPOT_SOURCE) for type_, dollars in lowest.items()
    }
