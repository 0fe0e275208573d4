"""What an instance can ask about itself, as on EC2; an environment variable leads there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.ec2.models.instances import Instance

from dl_magics.practice.ec2.api import Cloud
from dl_magics.practice.ec2.http import Answer
from dl_magics.practice.hosts.spec import user_data

PATH = "/_practice/metadata/"
PLAIN = "text/plain"


def answer(cloud: Cloud, path: str) -> Answer | None:
    """Answer `/_practice/metadata/ID/latest/…`; None when there is no such fact."""
    instance_id, _, wish = path.removeprefix(PATH).partition("/")
    instance = cloud.world.instance(instance_id)
    wish = wish.removeprefix("latest/").strip("/")
    if wish == "api/token":
        return Answer(b"practice", 200, PLAIN)
    if instance is None or wish not in FACTS:
        return None
    fact = FACTS[wish](instance, cloud.world.extra)
    return None if fact is None else Answer(fact.encode(), 200, PLAIN)


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


FACTS: dict[str, Callable[[Instance, dict[str, Any]], str | None]] = {
    "meta-data/instance-id": lambda instance, _: instance.id,
    "meta-data/instance-type": lambda instance, _: instance.instance_type,
    "meta-data/public-ipv4": lambda instance, _: instance.public_ip,
    "meta-data/local-ipv4": lambda instance, _: instance.private_ip,
    "meta-data/placement/availability-zone": lambda instance, _: instance.availability_zone,
    "meta-data/placement/region": lambda instance, _: instance.region_name,
    "meta-data/spot/instance-action": _spot,
    "dynamic/instance-identity/document": _identity,
    "user-data": lambda instance, _: user_data(instance) or None,
}
