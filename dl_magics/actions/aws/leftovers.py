"""Volumes and addresses that cost money without an instance: dl_magics deletes none of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dl_magics.actions.aws.context import Context
from dl_magics.aws.pricing import known
from dl_magics.core import money
from dl_magics.core.instance import Instance


@dataclass(frozen=True, slots=True)
class Leftover:
    """A volume or an address, what it costs, and what is typed in a terminal to delete it."""

    what: str
    cost: str
    delete: str


def find_kept(context: Context, instance: Instance) -> list[Leftover]:
    """Return what stays when an instance is terminated: its other volumes, its addresses."""
    kept = _list_kept_volumes(context, instance)
    volumes = context.session.query_filtered("describe_volumes", "Volumes", "volume-id", kept)
    addresses = [each for each in _list_addresses(context) if each.get("InstanceId") == instance.id]
    return [
        *(_describe_volume(context, each) for each in volumes),
        *(_describe_address(context, each) for each in addresses),
    ]


def find_unused_volumes(context: Context) -> list[Leftover]:
    """Return the volumes that are attached to no instance."""
    unused = context.session.query_filtered("describe_volumes", "Volumes", "status", ["available"])
    return [_describe_volume(context, each) for each in unused]


def find_unused_addresses(context: Context) -> tuple[list[Leftover], int]:
    """Return the Elastic IP addresses that nothing uses, and the number of all of them."""
    found = _list_addresses(context)
    unused = [each for each in found if not each.get("AssociationId")]
    return [_describe_address(context, each) for each in unused], len(found)


def _list_kept_volumes(context: Context, instance: Instance) -> list[str]:
    answer = context.session.query("ec2", "describe_instances", InstanceIds=[instance.id])
    return [
        str(device["Ebs"]["VolumeId"])
        for reservation in answer["Reservations"]
        for each in reservation["Instances"]
        for device in each.get("BlockDeviceMappings", [])
        if not device["Ebs"].get("DeleteOnTermination")
    ]


def _list_addresses(context: Context) -> list[Any]:
    return list(context.session.query("ec2", "describe_addresses")["Addresses"])


def _describe_volume(context: Context, volume: Mapping[str, Any]) -> Leftover:
    disk = (str(volume["VolumeType"]), int(volume["Size"]))
    dollars = known.read_known(context.session).of_disks([disk])
    return Leftover(
        f"{volume['VolumeId']} ({disk[1]:,} GiB {disk[0]})",
        money.format_per_month(dollars),
        f"aws ec2 delete-volume --region {context.region} --volume-id {volume['VolumeId']}",
    )


def _describe_address(context: Context, address: Mapping[str, Any]) -> Leftover:
    ip = address["PublicIp"]
    return Leftover(
        str(ip),
        money.describe_price(known.read_known(context.session).of_address),
        f"aws ec2 release-address --region {context.region} --public-ip {ip}",
    )
