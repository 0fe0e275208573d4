"""Checks that AWS makes and moto does not."""

from __future__ import annotations

import re
from collections.abc import Callable

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from dl_magics.practice.ec2.catalog import quota_for_type
from dl_magics.practice.ec2.http import ApiCall, raise_api_error
from dl_magics.practice.ec2.state import RETIRED_TYPES, Ec2State

MAX_VALUES = 200
_FILTER_VALUE = re.compile(r"Filter\.\d+\.Value\.\d+")
EXISTING_STATES = ("pending", "running", "stopping", "stopped", "shutting-down")


def check_call(state: Ec2State, call: ApiCall) -> None:
    """Raise ApiError if AWS would reject the call."""
    if sum(_FILTER_VALUE.fullmatch(name) is not None for name in call.parameters) > MAX_VALUES:
        raise_api_error(
            "FilterLimitExceeded",
            f"The maximum number of filter values specified on a single call is {MAX_VALUES}",
        )
    if rule := RULES.get(call.action):
        rule(state, call)


def _check_launch(state: Ec2State, call: ApiCall) -> None:
    name = call.parameters.get("InstanceType", "m1.small")
    _check_offering(name, choose_zone(state, call), call.region)
    image = state.region_backend(call.region).amis.get(call.parameters.get("ImageId", ""))
    possible = INSTANCE_TYPES[name]["ProcessorInfo"]["SupportedArchitectures"]
    if image and image.architecture not in possible:
        raise_api_error(
            "InvalidParameterValue",
            f"The architecture '{','.join(possible)}' of the specified instance type does not "
            f"match the architecture '{image.architecture}' of the specified AMI. Specify an "
            "instance type and an AMI that have matching architectures, and try again.",
        )
    _check_quota(state, call)


def _check_quota(state: Ec2State, call: ApiCall) -> None:
    name = call.parameters.get("InstanceType", "m1.small")
    limit = quota_for_type(name)
    running = [
        one.instance_type
        for one in state.list_instances()
        if one.state in ("pending", "running") and one.region_name == call.region
    ]
    wanted = [name] * int(call.parameters.get("MaxCount", "1"))
    if sum(_vcpus(one) for one in running + wanted if quota_for_type(one) == limit) > limit[1]:
        raise_api_error(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {limit[1]:g} "
            "allows for the instance bucket that the specified instance type belongs to. Please "
            "visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this "
            "limit.",
        )


def _vcpus(name: str) -> int:
    return int(INSTANCE_TYPES[name]["VCpuInfo"]["DefaultVCpus"])


def choose_zone(state: Ec2State, call: ApiCall) -> str:
    """Return the zone of a launch: the requested one, else the first that offers the type."""
    if asked := call.parameters.get("Placement.AvailabilityZone"):
        return asked
    subnet = call.parameters.get("SubnetId") or call.parameters.get("NetworkInterface.1.SubnetId")
    for one in state.region_backend(call.region).describe_subnets():
        if one.id == subnet:
            return str(one.availability_zone)
    zones = _zones(call.parameters.get("InstanceType", ""), call.region)
    return next(iter(zones), f"{call.region}a")


def _check_type_change(state: Ec2State, call: ApiCall) -> None:
    name = call.parameters.get("InstanceType.Value")
    instance = state.find_instance(call.parameters.get("InstanceId", ""))
    if name is None or instance is None:
        return
    if instance.state != "stopped":
        raise_api_error(
            "IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state."
        )
    _check_offering(name, instance.availability_zone or f"{call.region}a", call.region)


def _check_group_deletion(state: Ec2State, call: ApiCall) -> None:
    group_id = call.parameters.get("GroupId")
    for instance in state.list_instances():
        if instance.state in EXISTING_STATES and group_id in [
            group.id for group in instance.security_groups
        ]:
            raise_api_error("DependencyViolation", f"resource {group_id} has a dependent object")


def _check_offering(name: str, zone: str, region: str) -> None:
    zones = _zones(name, region)
    if zone in zones:
        return
    if not zones and name not in RETIRED_TYPES:
        raise_api_error("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
    choices = f" by not specifying an Availability Zone or choosing {', '.join(zones)}"
    raise_api_error(
        "Unsupported",
        f"Your requested instance type ({name}) is not supported in your requested "
        f"Availability Zone ({zone}). Please retry your request"
        f"{choices if zones else ' with another instance type'}.",
    )


def _zones(name: str, region: str) -> list[str]:
    offers = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    return sorted(offer["Location"] for offer in offers if offer["InstanceType"] == name)


RULES: dict[str, Callable[[Ec2State, ApiCall], None]] = {
    "RunInstances": _check_launch,
    "ModifyInstanceAttribute": _check_type_change,
    "DeleteSecurityGroup": _check_group_deletion,
}
