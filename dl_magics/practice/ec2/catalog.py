"""Answer calls for prices, service quotas and the SSM parameter of the AMI."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from dl_magics.practice.ec2.http import (
    ApiCall,
    ApiResponse,
    ec2_response,
    json_response,
    raise_api_error,
)
from dl_magics.practice.ec2.images import ARM_IMAGE, DEEP_LEARNING_IMAGE

PRICE_FILE = "prices.csv"
IMAGE_PARAMETERS = {
    "/aws/service/deeplearning/ami/x86_64/": DEEP_LEARNING_IMAGE,
    "/aws/service/deeplearning/ami/arm64/": ARM_IMAGE,
}
# Those that are enabled in each account, by "AWS Regions" in the AWS documentation.
ENABLED_REGIONS = (
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1"),
    *("ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2"),
    *("eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"),
)
LOCATIONS = {
    "us-east-1": "US East (N. Virginia)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)",
}
# What the other regions cost, as a multiple of us-east-1.
REGION_FACTORS = {
    "ap-northeast-1": 1.35,
    "ap-northeast-2": 1.23,
    "ap-northeast-3": 1.35,
    "ap-south-1": 1.1,
    "ap-southeast-1": 1.4,
    "ap-southeast-2": 1.31,
    "ca-central-1": 1.11,
    "eu-central-1": 1.25,
    "eu-north-1": 1.06,
    "eu-west-2": 1.17,
    "eu-west-3": 1.17,
    "sa-east-1": 1.7,
    "us-east-2": 1.0,
    "us-west-1": 1.2,
}
QUOTAS = {
    "L-1216C47A": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 32.0),
    "L-DB2E81BA": ("Running On-Demand G and VT instances", 64.0),
    "L-417A185B": ("Running On-Demand P instances", 192.0),
    "L-3819A6DF": ("All G and VT Spot Instance Requests", 64.0),
    "L-7212CCBC": ("All P4, P3 and P2 Spot Instance Requests", 64.0),
    "L-34B43A08": ("All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 32.0),
}


@cache
def load_prices() -> dict[str, dict[str, str]]:
    """Return what the practice cloud charges, by instance type: the rows of its price file."""
    lines = files(__package__).joinpath(PRICE_FILE).read_text().splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {row["instance_type"]: row for row in rows}


def on_demand_price(name: str, region: str) -> float | None:
    """Return the on-demand price in US dollars per hour, or None if the type has no price there."""
    row = load_prices().get(name, {})
    if region in LOCATIONS:
        dollars = row.get(f"usd_per_hour_{region.replace('-', '_')}")
        return float(dollars) if dollars else None
    first = row.get("usd_per_hour_us_east_1")
    factor = REGION_FACTORS.get(region)
    return round(float(first) * factor, 5) if first and factor else None


def quota_for_type(name: str, *, spot: bool = False) -> tuple[str, float]:
    """Return the quota that a type counts against: its name and its number of vCPUs."""
    if spot:
        code = {"g": "L-3819A6DF", "p": "L-7212CCBC"}.get(name[0], "L-34B43A08")
    else:
        code = {"g": "L-DB2E81BA", "p": "L-417A185B"}.get(name[0], "L-1216C47A")
    return QUOTAS[code]


def _products(call: ApiCall) -> ApiResponse:
    wanted = {one["Field"]: one["Value"] for one in call.document.get("Filters", [])}
    region = wanted.get("regionCode") or next(
        (code for code, place in LOCATIONS.items() if place == wanted.get("location")), "us-east-1"
    )
    names = [wanted["instanceType"]] if "instanceType" in wanted else list(load_prices())
    listed = [_product(name, region) for name in names if on_demand_price(name, region) is not None]
    return json_response({"FormatVersion": "aws_v1", "PriceList": listed})


def _product(name: str, region: str) -> str:
    facts = load_prices()[name]
    sku = f"PRACTICE{name.upper().replace('.', '')}"
    rate = {
        "rateCode": f"{sku}.JRTCKXETXF.6YS6EN2CT7",
        "unit": "Hrs",
        "beginRange": "0",
        "endRange": "Inf",
        "pricePerUnit": {"USD": f"{on_demand_price(name, region):.10f}"},
    }
    term = {"sku": sku, "offerTermCode": "JRTCKXETXF", "priceDimensions": {rate["rateCode"]: rate}}
    attributes = {
        "instanceType": name,
        "regionCode": region,
        "location": LOCATIONS.get(region, region),
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "licenseModel": "No License required",
        "vcpu": facts["vcpus"],
        "memory": f"{facts['memory_gib']} GiB",
        "gpu": facts["gpu_count"],
    }
    product = {"sku": sku, "productFamily": "Compute Instance", "attributes": attributes}
    terms = {"OnDemand": {f"{sku}.JRTCKXETXF": term}}
    return json.dumps({"serviceCode": "AmazonEC2", "product": product, "terms": terms})


def _quota(call: ApiCall) -> ApiResponse:
    code = call.document.get("QuotaCode", "")
    if code not in QUOTAS:
        raise_api_error("NoSuchResourceException", f"The quota {code} does not exist.")
    return json_response({"Quota": _quota_facts(code, call.region)})


def _quotas(call: ApiCall) -> ApiResponse:
    return json_response({"Quotas": [_quota_facts(code, call.region) for code in QUOTAS]})


def _quota_facts(code: str, region: str) -> dict[str, Any]:
    name, value = QUOTAS[code]
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{region}:123456789012:ec2/{code}",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def _parameter(call: ApiCall) -> ApiResponse | None:
    name = call.document.get("Name", "")
    found = [image for start, image in IMAGE_PARAMETERS.items() if name.startswith(start)]
    if not found:
        return None
    return json_response(
        {
            "Parameter": {
                "Name": name,
                "Type": "String",
                "Value": found[0]["ami_id"],
                "Version": 1,
                "ARN": f"arn:aws:ssm:{call.region}::parameter{name}",
                "DataType": "aws:ec2:image",
            }
        }
    )


def _regions(call: ApiCall) -> ApiResponse | None:
    """Return the regions that a new account has; moto returns those of other partitions, too."""
    if set(call.parameters) - {"Action", "Version"}:
        return None
    items = "".join(
        f"<item><regionName>{name}</regionName>"
        f"<regionEndpoint>ec2.{name}.amazonaws.com</regionEndpoint>"
        "<optInStatus>opt-in-not-required</optInStatus></item>"
        for name in ENABLED_REGIONS
    )
    return ec2_response(call.action, f"<regionInfo>{items}</regionInfo>")


HANDLERS: dict[str, Callable[[ApiCall], ApiResponse | None]] = {
    "GetProducts": _products,
    "GetServiceQuota": _quota,
    "GetAWSDefaultServiceQuota": _quota,
    "ListServiceQuotas": _quotas,
    "ListAWSDefaultServiceQuotas": _quotas,
    "GetParameter": _parameter,
    "DescribeRegions": _regions,
}
