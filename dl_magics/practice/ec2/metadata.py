"""The instance metadata service; hosts find it through an environment variable."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.ec2.models.instances import Instance

from dl_magics.practice.ec2.api import Ec2Api
from dl_magics.practice.ec2.http import ApiResponse
from dl_magics.practice.hosts.spec import decode_user_data

PATH = "/_practice/metadata/"
PLAIN = "text/plain"


def respond(api: Ec2Api, path: str) -> ApiResponse | None:
    """Return the response to `/_practice/metadata/ID/latest/…`, or None if it does not exist."""
    instance_id, _, item = path.removeprefix(PATH).partition("/")
    instance = api.state.find_instance(instance_id)
    item = item.removeprefix("latest/").strip("/")
    if item == "api/token":
        return ApiResponse(b"practice", 200, PLAIN)
    if instance is None or item not in ITEMS:
        return None
    fact = ITEMS[item](instance, api.state.extra)
    return None if fact is None else ApiResponse(fact.encode(), 200, PLAIN)


def _spot(instance: Instance, extra: dict[str, Any]) -> str | None:
    notice = extra.get("notices", {}).get(instance.id)
    return json.dumps(notice) if notice else None


def _identity(instance: Instance, _: dict[str, Any]) -> str:
    return json.dumps(
        {
            "instanceId": instance.id,
            "instanceType": instance.instance_type,
            "region": instance.region_name,
            "availabilityZone": instance.availability_zone,
            "accountId": instance.owner_id,
        }
    )


ITEMS: dict[str, Callable[[Instance, dict[str, Any]], str | None]] = {
    "meta-data/instance-id": lambda instance, _: instance.id,
    "meta-data/instance-type": lambda instance, _: instance.instance_type,
    "meta-data/public-ipv4": lambda instance, _: instance.public_ip,
    "meta-data/local-ipv4": lambda instance, _: instance.private_ip,
    "meta-data/placement/availability-zone": lambda instance, _: instance.availability_zone,
    "meta-data/placement/region": lambda instance, _: instance.region_name,
    "meta-data/spot/instance-action": _spot,
    "dynamic/instance-identity/document": _identity,
    "user-data": lambda instance, _: decode_user_data(instance) or None,
}
