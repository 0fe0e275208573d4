"""The AWS price list: what an instance or a disk costs on demand, as the API says."""

from __future__ import annotations

import json
from typing import Any

from dl_magics.aws.session import AwsSession

# The API is in a few regions only, and answers for all regions of its partition. Credentials of
# GovCloud cannot call it, and AWS China lists yuan.
_REGIONS = {"aws": "us-east-1"}


def is_available(session: AwsSession) -> bool:
    """Return whether the credentials of this region can call a price list in dollars."""
    return session.partition in _REGIONS


def query_instance(session: AwsSession, type_: str) -> float | None:
    """Return the on-demand dollars an hour with Linux, or None if they are not listed."""
    wanted = {
        "instanceType": type_,
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "tenancy": "Shared",
        "capacitystatus": "Used",
    }
    return _query(session, wanted)


def query_disk(session: AwsSession, volume_type: str) -> float | None:
    """Return the dollars for a GiB and month of an EBS volume, or None if they are not listed."""
    return _query(session, {"productFamily": "Storage", "volumeApiName": volume_type})


def _query(session: AwsSession, wanted: dict[str, str]) -> float | None:
    wanted = {**wanted, "regionCode": session.region or ""}
    answer = session.query(
        "pricing",
        "get_products",
        region=_REGIONS[session.partition],
        ServiceCode="AmazonEC2",
        Filters=[{"Type": "TERM_MATCH", "Field": key, "Value": wanted[key]} for key in wanted],
        MaxResults=1,
    )
    return next((_dollars(each, wanted) for each in answer.get("PriceList", [])), None)


def _dollars(text: str, wanted: dict[str, str]) -> float | None:
    """Return the price of a listed product; None if it is not the product that was asked for."""
    try:
        listed: Any = json.loads(text)
        product = listed["product"]
        facts = {**product["attributes"], "productFamily": product.get("productFamily")}
        if any(facts[key] != value for key, value in wanted.items()):
            return None
        (term,) = listed["terms"]["OnDemand"].values()
        (dimension,) = term["priceDimensions"].values()
        return float(dimension["pricePerUnit"]["USD"])
    except (ValueError, KeyError, TypeError):
        return None
