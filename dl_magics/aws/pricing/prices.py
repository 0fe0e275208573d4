"""Hourly prices: from the AWS price list if permitted, else from the bundled table."""

from __future__ import annotations

import json
from typing import Any

from dl_magics.aws import instance_types
from dl_magics.aws.session import AwsSession
from dl_magics.errors import DLMagicsError

_PRICE_LIST_REGION = "us-east-1"
_TABLE = f"table of {instance_types.READ_IN}"


def read_hourly_price(session: AwsSession, type_: str) -> tuple[float | None, str]:
    """Return the on-demand dollars an hour, None if unknown, and the source of the price."""
    listed = _from_price_list(session, type_)
    if listed is not None:
        return listed, "AWS price list"
    bundled = instance_types.listed_price(type_, session.region)
    return bundled, _TABLE if bundled is not None else "unknown"


def read_spot_prices(session: AwsSession, types: list[str]) -> dict[str, float]:
    """Return the lowest spot price of each type in the region, in dollars an hour, if known."""
    try:
        history, _ = session.query_pages(
            "ec2",
            "describe_spot_price_history",
            "SpotPriceHistory",
            InstanceTypes=types,
            ProductDescriptions=["Linux/UNIX", "Linux/UNIX (Amazon VPC)"],
            StartTime=_now(),
        )
    except DLMagicsError:
        return {}
    prices: dict[str, float] = {}
    for each in history:
        price = float(each["SpotPrice"])
        prices[each["InstanceType"]] = min(price, prices.get(each["InstanceType"], price))
    return prices


def known_hourly_price(session: AwsSession, type_: str) -> float | None:
    """Return the price without asking AWS: the one that was read before, else the bundled one."""
    read = _read_prices.get((session, type_))
    return instance_types.listed_price(type_, session.region) if read is None else read


_read_prices: dict[tuple[AwsSession, str], float | None] = {}


def _from_price_list(session: AwsSession, type_: str) -> float | None:
    if (session, type_) not in _read_prices:
        _read_prices[session, type_] = _query_price_list(session, type_)
    return _read_prices[session, type_]


def _query_price_list(session: AwsSession, type_: str) -> float | None:
    wanted = {
        "instanceType": type_,
        "regionCode": session.region or "",
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "tenancy": "Shared",
        "capacitystatus": "Used",
    }
    filters = [{"Type": "TERM_MATCH", "Field": key, "Value": wanted[key]} for key in wanted]
    try:
        answer = session.query(
            "pricing",
            "get_products",
            region=_PRICE_LIST_REGION,
            ServiceCode="AmazonEC2",
            Filters=filters,
            MaxResults=1,
        )
    except DLMagicsError:
        return None
    return next(map(_dollars, answer.get("PriceList", [])), None)


def _dollars(product: str) -> float | None:
    try:
        terms: Any = json.loads(product)["terms"]["OnDemand"]
        (term,) = terms.values()
        (dimension,) = term["priceDimensions"].values()
        return float(dimension["pricePerUnit"]["USD"])
    except (ValueError, KeyError, TypeError):
        return None


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)
