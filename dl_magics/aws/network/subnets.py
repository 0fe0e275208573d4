"""The subnet that a launch uses: one that is named, or a default one of the default VPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dl_magics.aws.session import AwsSession
from dl_magics.errors import BadSetting, CloudRefused

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A subnet. `public`: an instance in it gets a public IPv4 address without being asked."""

    id: str
    vpc: str
    zone: str
    public: bool
    default: bool


def read_subnet(session: AwsSession, id_: str, zone: str | None = None) -> Subnet:
    """Return a subnet; raise BadSetting if the region lacks it, or it is in another zone."""
    found = _list_subnets(session, [{"Name": "subnet-id", "Values": [id_]}])
    if not found:
        raise BadSetting(
            f"Subnet '{id_}' does not exist in {session.region}.", fix=_suggest(session)
        )
    if zone and found[0].zone != zone:
        raise BadSetting(
            f"Subnet {id_} is in {found[0].zone}, not in {zone}.", fix="Omit --zone or --subnet."
        )
    return found[0]


def find_default_subnets(session: AwsSession, zone: str | None = None) -> list[Subnet]:
    """Return the default subnets of the default VPC, of which AWS chooses one for a launch.

    Raises
    ------
    CloudRefused
        if the region has no default VPC, or that has no default subnet.
    """
    vpcs = session.query(
        "ec2", "describe_vpcs", Filters=[{"Name": "is-default", "Values": ["true"]}]
    )["Vpcs"]
    if not vpcs:
        raise CloudRefused(
            f"Region {session.region} has no default VPC, and no --subnet is given.",
            fix=f"{_suggest(session)} · In a terminal: aws ec2 create-default-vpc",
        )
    vpc = str(vpcs[0]["VpcId"])
    in_vpc = _list_subnets(session, [{"Name": "vpc-id", "Values": [vpc]}])
    found = [each for each in in_vpc if each.default and zone in (None, each.zone)]
    if not found:
        where = f" in {zone}" if zone else ""
        raise CloudRefused(
            f"The default VPC {vpc} has no default subnet{where}, and no --subnet is given.",
            fix=f"{_suggest(session)} · In a terminal: aws ec2 create-default-subnet "
            f"--availability-zone {zone or f'{session.region}a'}",
        )
    return found


def find_subnet_of(session: AwsSession, instance_id: str) -> str:
    """Return the id of the subnet of an instance, "" for one that is being terminated."""
    found = session.query("ec2", "describe_instances", InstanceIds=[instance_id])
    return str(found["Reservations"][0]["Instances"][0].get("SubnetId", ""))


def _suggest(session: AwsSession) -> str:
    """Return how to name a subnet of the region, those with public addresses first."""
    found = sorted(_list_subnets(session, []), key=lambda each: not each.public)
    if not found:
        return "The region has no subnet: %aws_region OTHER"
    named = [
        f"{each.id} ({each.zone}{'' if each.public else ', no public address'})"
        for each in found[:_SHOWN]
    ]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"Name a subnet: --subnet {found[0].id} · There are {', '.join(named)}{more}."


def _list_subnets(session: AwsSession, filters: list[dict[str, Any]]) -> list[Subnet]:
    found, _ = session.query_pages("ec2", "describe_subnets", "Subnets", Filters=filters)
    return [
        Subnet(
            id=each["SubnetId"],
            vpc=each["VpcId"],
            zone=each["AvailabilityZone"],
            public=bool(each.get("MapPublicIpOnLaunch")),
            default=bool(each.get("DefaultForAz")),
        )
        for each in found
    ]
