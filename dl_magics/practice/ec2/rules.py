"""What AWS refuses and moto lets pass."""

from __future__ import annotations

from collections.abc import Callable

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from dl_magics.practice.ec2.catalog import quota_of
from dl_magics.practice.ec2.http import Call, refuse
from dl_magics.practice.ec2.state import RETIRED, World

ALIVE = ("pending", "running", "stopping", "stopped", "shutting-down")


def check(world: World, call: Call) -> None:
    """Refuse what AWS would refuse."""
    if rule := RULES.get(call.action):
        rule(world, call)


def _launch(world: World, call: Call) -> None:
    name = call.parameters.get("InstanceType", "m1.small")
    _offered(name, zone(world, call), call.region)
    image = world.ec2(call.region).amis.get(call.parameters.get("ImageId", ""))
    possible = INSTANCE_TYPES[name]["ProcessorInfo"]["SupportedArchitectures"]
    if image and image.architecture not in possible:
        refuse(
            "InvalidParameterValue",
            f"The architecture '{','.join(possible)}' of the specified instance type does not "
            f"match the architecture '{image.architecture}' of the specified AMI. Specify an "
            "instance type and an AMI that have matching architectures, and try again.",
        )
    _within_quota(world, call)


def _within_quota(world: World, call: Call) -> None:
    name = call.parameters.get("InstanceType", "m1.small")
    limit = quota_of(name)
    running = [
        one.instance_type
        for one in world.instances()
        if one.state in ("pending", "running") and one.region_name == call.region
    ]
    wanted = [name] * int(call.parameters.get("MaxCount", "1"))
    if sum(_vcpus(one) for one in running + wanted if quota_of(one) == limit) > limit[1]:
        refuse(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {limit[1]:g} "
            "allows for the instance bucket that the specified instance type belongs to. Please "
            "visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this "
            "limit.",
        )


def _vcpus(name: str) -> int:
    return int(INSTANCE_TYPES[name]["VCpuInfo"]["DefaultVCpus"])


def zone(world: World, call: Call) -> str:
    """Return the zone of a launch: as asked for, else the first that offers the type."""
    if asked := call.parameters.get("Placement.AvailabilityZone"):
        return asked
    subnet = call.parameters.get("SubnetId") or call.parameters.get("NetworkInterface.1.SubnetId")
    for one in world.ec2(call.region).describe_subnets():
        if one.id == subnet:
            return str(one.availability_zone)
    zones = _zones(call.parameters.get("InstanceType", ""), call.region)
    return next(iter(zones), f"{call.region}a")


def _modify(world: World, call: Call) -> None:
    name = call.parameters.get("InstanceType.Value")
    instance = world.instance(call.parameters.get("InstanceId", ""))
    if name is None or instance is None:
        return
    if instance.state != "stopped":
        refuse(
            "IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state."
        )
    _offered(name, instance.availability_zone or f"{call.region}a", call.region)


def _delete_group(world: World, call: Call) -> None:
    group_id = call.parameters.get("GroupId")
    for instance in world.instances():
        if instance.state in ALIVE and group_id in [group.id for group in instance.security_groups]:
            refuse("DependencyViolation", f"resource {group_id} has a dependent object")


def _offered(name: str, zone: str, region: str) -> None:
    zones = _zones(name, region)
    if zone in zones:
        return
    if not zones and name not in RETIRED:
        refuse("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
    choices = f" by not specifying an Availability Zone or choosing {', '.join(zones)}"
    refuse(
        "Unsupported",
        f"Your requested instance type ({name}) is not supported in your requested "
        f"Availability Zone ({zone}). Please retry your request"
        f"{choices if zones else ' with another instance type'}.",
    )


def _zones(name: str, region: str) -> list[str]:
    offers = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    return sorted(offer["Location"] for offer in offers if offer["InstanceType"] == name)


RULES: dict[str, Callable[[World, Call], None]] = {
    "RunInstances": _launch,
    "ModifyInstanceAttribute": _modify,
    "DeleteSecurityGroup": _delete_group,
}
