"""The spot prices: a share of the on-demand price in each zone, and what a fault raises them to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dl_magics.practice.ec2.catalog import load_prices, on_demand_price
from dl_magics.practice.ec2.http import ApiCall, ApiResponse, ec2_response

SHARE, SHARE_BY_ZONE = 0.36, 0.02
RAISED = "raised_spot_prices"
"""In the extra state: whether the spot prices are as high as those on demand."""


def read_spot_price(extra: Mapping[str, Any], name: str, zone: str, region: str) -> float | None:
    """Return the spot price of an hour now; None if the type has no price there."""
    dollars = on_demand_price(name, region)
    if dollars is None:
        return None
    share = SHARE + SHARE_BY_ZONE * "abc".find(zone[-1])
    return round(dollars * (1.0 if extra.get(RAISED) else share), 6)


def describe_history(extra: Mapping[str, Any], call: ApiCall) -> ApiResponse:
    """Return the response to DescribeSpotPriceHistory: the prices of now."""
    names = call.list_parameter("InstanceType") or list(load_prices())
    zones = call.list_parameter("AvailabilityZone") or [f"{call.region}{each}" for each in "abc"]
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:00:00.000Z}"
    items = "".join(
        f"<item><instanceType>{name}</instanceType><productDescription>Linux/UNIX"
        f"</productDescription><spotPrice>{dollars:.6f}</spotPrice>"
        f"<timestamp>{now}</timestamp><availabilityZone>{zone}</availabilityZone></item>"
        for name in names
        for zone in zones
        if (dollars := read_spot_price(extra, name, zone, call.region)) is not None
    )
    return ec2_response(call.action, f"<spotPriceHistorySet>{items}</spotPriceHistorySet>")
