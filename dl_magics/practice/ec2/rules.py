"""Checks that AWS makes and moto does not."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator

from moto.ec2.models.instances import Instance

from dl_magics.practice.ec2 import images, type_rules
from dl_magics.practice.ec2.http import ApiCall, raise_api_error
from dl_magics.practice.ec2.spot import rules as spot_rules
from dl_magics.practice.ec2.spot.requests import SpotRequests
from dl_magics.practice.ec2.state import Ec2State

MAX_VALUES = 200
MAX_USER_DATA_BYTES = 16_384
_FILTER_VALUE = re.compile(r"Filter\.\d+\.Value\.\d+")
SHUTDOWN = "InstanceInitiatedShutdownBehavior"
EXISTING_STATES = ("pending", "running", "stopping", "stopped", "shutting-down")


def check_call(state: Ec2State, requests: SpotRequests, call: ApiCall) -> None:
    """Raise ApiError if AWS would reject the call."""
    if sum(_FILTER_VALUE.fullmatch(name) is not None for name in call.parameters) > MAX_VALUES:
        raise_api_error(
            "FilterLimitExceeded",
            f"The maximum number of filter values specified on a single call is {MAX_VALUES}",
        )
    if rule := RULES.get(call.action):
        rule(state, call)
    if call.action in ("StartInstances", "StopInstances", "ModifyInstanceAttribute"):
        _check_spot(state, requests, call)


def choose_zone(state: Ec2State, call: ApiCall) -> str:
    """Return the zone of a launch: the requested one, else the first that offers the type."""
    if asked := call.parameters.get("Placement.AvailabilityZone"):
        return asked
    subnet = call.parameters.get("SubnetId") or call.parameters.get("NetworkInterface.1.SubnetId")
    for one in state.region_backend(call.region).describe_subnets():
        if one.id == subnet:
            return str(one.availability_zone)
    zones = type_rules.list_zones(call.parameters.get("InstanceType", ""), call.region)
    return next(iter(zones), f"{call.region}a")


def _check_launch(state: Ec2State, call: ApiCall) -> None:
    name = call.parameters.get("InstanceType", "m1.small")
    _check_user_data(call)
    _check_network(state, call)
    type_rules.check_offering(name, choose_zone(state, call), call.region)
    image = state.region_backend(call.region).amis.get(call.parameters.get("ImageId", ""))
    type_rules.check_image(name, image)
    if images.has_instance_store(image) and SHUTDOWN in call.parameters:
        raise_api_error(
            "InvalidParameterCombination",
            "The attribute instanceInitiatedShutdownBehavior can only be used for elastic images.",
        )
    count = int(call.parameters.get("MaxCount", "1"))
    spot = spot_rules.is_spot_launch(call)
    if spot:
        spot_rules.check_options(call)
    type_rules.check_quota(state, call.region, [name] * count, spot=spot)
    if spot:
        spot_rules.check_price(state, call, name, choose_zone(state, call))


def _check_user_data(call: ApiCall) -> None:
    try:
        size = len(base64.b64decode(call.parameters.get("UserData", ""), validate=True))
    except ValueError:
        raise_api_error("InvalidParameterValue", "Invalid BASE64 encoding of user data.")
    if size > MAX_USER_DATA_BYTES:
        raise_api_error(
            "InvalidParameterValue", f"User data is limited to {MAX_USER_DATA_BYTES} bytes"
        )


def _check_network(state: Ec2State, call: ApiCall) -> None:
    """Refuse a launch that names no subnet where the default VPC or its subnets are missing."""
    if "SubnetId" in str(call.parameters):
        return
    ec2 = state.region_backend(call.region)
    vpc = next((each for each in ec2.describe_vpcs() if each.is_default), None)
    if vpc is None:
        raise_api_error(
            "VPCIdNotSpecified",
            "No default VPC for this user. GroupName is only supported for EC2-Classic and default "
            "VPC.",
        )
    if not any(each.vpc_id == vpc.id for each in ec2.describe_subnets()):
        raise_api_error(
            "MissingInput",
            f"No subnets found for the default VPC '{vpc.id}'. Please specify a subnet.",
        )


def _check_start(state: Ec2State, call: ApiCall) -> None:
    starting = [each for each in _named(state, call) if each.state == "stopped"]
    for each in starting:
        known = state.region_backend(call.region).amis
        type_rules.check_image(each.instance_type, known.get(each.image_id))
    for spot in (False, True):
        types = [each.instance_type for each in starting if (each.lifecycle == "spot") == spot]
        type_rules.check_quota(state, call.region, types, spot=spot)


def check_stop(instance: Instance) -> None:
    """Raise ApiError if the instance, other than for a spot request, cannot be stopped."""
    if instance.disable_api_stop:
        _raise_protected(instance, "stopped", "disableApiStop")
    if instance.root_device_type == images.INSTANCE_STORE:
        raise_api_error(
            "UnsupportedOperation",
            f"The instance '{instance.id}' does not have an 'ebs' root device type and cannot be "
            "stopped.",
        )


def _check_stop(state: Ec2State, call: ApiCall) -> None:
    for each in _named(state, call):
        check_stop(each)


def _check_spot(state: Ec2State, requests: SpotRequests, call: ApiCall) -> None:
    for each in _named(state, call):
        if each.lifecycle != "spot":
            continue
        if call.action == "StopInstances":
            spot_rules.check_stop(requests, each)
        elif call.action == "StartInstances" and each.state == "stopped":
            spot_rules.check_start(state, requests, each)
        elif "InstanceType.Value" in call.parameters:
            spot_rules.check_type_change(each)


def _check_termination(state: Ec2State, call: ApiCall) -> None:
    for each in _named(state, call):
        if each.disable_api_termination:
            _raise_protected(each, "terminated", "disableApiTermination")


def _raise_protected(instance: Instance, participle: str, attribute: str) -> None:
    raise_api_error(
        "OperationNotPermitted",
        f"The instance '{instance.id}' may not be {participle}. Modify its '{attribute}' instance "
        "attribute and try again.",
    )


def _check_type_change(state: Ec2State, call: ApiCall) -> None:
    name = call.parameters.get("InstanceType.Value")
    instance = state.find_instance(call.parameters.get("InstanceId", ""))
    if name is None or instance is None:
        return
    if instance.state != "stopped":
        raise_api_error(
            "IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state."
        )
    type_rules.check_offering(name, instance.availability_zone or f"{call.region}a", call.region)
    known = state.region_backend(call.region).amis
    type_rules.check_image(name, known.get(instance.image_id))


def _check_group_deletion(state: Ec2State, call: ApiCall) -> None:
    group_id = call.parameters.get("GroupId")
    for instance in state.list_instances():
        if instance.state in EXISTING_STATES and group_id in [
            group.id for group in instance.security_groups
        ]:
            raise_api_error("DependencyViolation", f"resource {group_id} has a dependent object")


def _named(state: Ec2State, call: ApiCall) -> Iterator[Instance]:
    """Return the instances that a call names; one that does not exist is refused later."""
    named = call.list_parameter("InstanceId")
    return (each for each in state.list_instances() if each.id in named)


RULES: dict[str, Callable[[Ec2State, ApiCall], None]] = {
    "RunInstances": _check_launch,
    "StartInstances": _check_start,
    "StopInstances": _check_stop,
    "TerminateInstances": _check_termination,
    "ModifyInstanceAttribute": _check_type_change,
    "DeleteSecurityGroup": _check_group_deletion,
}
