"""Whether a zone, an image and a quota allow an instance type, with the errors of AWS."""

from __future__ import annotations

from collections.abc import Iterable

from moto.ec2.models.amis import Ami
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from dl_magics.practice.ec2.catalog import quota_for_type
from dl_magics.practice.ec2.http import raise_api_error
from dl_magics.practice.ec2.images import find_boot_mode, has_ena
from dl_magics.practice.ec2.state import RETIRED_TYPES, Ec2State


def list_zones(name: str, region: str) -> list[str]:
    """Return the zones of a region that offer a type."""
    offers = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    return sorted(offer["Location"] for offer in offers if offer["InstanceType"] == name)


def check_offering(name: str, zone: str, region: str) -> None:
    """Raise ApiError if a zone does not offer a type."""
    zones = list_zones(name, region)
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


def check_image(name: str, image: Ami | None) -> None:
    """Raise ApiError if an image is for other processors, or cannot boot or reach the network."""
    if image is None:
        return
    possible = INSTANCE_TYPES[name]["ProcessorInfo"]["SupportedArchitectures"]
    if image.architecture not in possible:
        raise_api_error(
            "InvalidParameterValue",
            f"The architecture '{','.join(possible)}' of the specified instance type does not "
            f"match the architecture '{image.architecture}' of the specified AMI. Specify an "
            "instance type and an AMI that have matching architectures, and try again.",
        )
    if INSTANCE_TYPES[name]["NetworkInfo"]["EnaSupport"] == "required" and not has_ena(image):
        raise_api_error(
            "InvalidParameterCombination",
            "Enhanced networking with the Elastic Network Adapter (ENA) is required for the "
            f"'{name}' instance type. Ensure that you are using an AMI that is enabled for ENA.",
        )
    if find_boot_mode(image) == "uefi" and "uefi" not in _boot_modes(name):
        raise_api_error(
            "InvalidParameterValue",
            f"The {name} instance type does not support an AMI with a boot mode of UEFI. Only "
            "instance types built on the Nitro System support UEFI. Specify an instance type that "
            "supports UEFI, and try again.",
        )


def check_quota(state: Ec2State, region: str, wanted: Iterable[str], *, spot: bool = False) -> None:
    """Raise ApiError if instances of the types `wanted` exceed a quota of the account.

    Spot instances have quotas of their own.
    """
    running = [
        one.instance_type
        for one in state.list_instances()
        if one.state in ("pending", "running")
        and one.region_name == region
        and (one.lifecycle == "spot") == spot
    ]
    every = [*running, *wanted]
    for limit in {quota_for_type(name, spot=spot) for name in wanted}:
        used = sum(_vcpus(one) for one in every if quota_for_type(one, spot=spot) == limit)
        if used > limit[1] and spot:
            raise_api_error("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        if used > limit[1]:
            raise_api_error(
                "VcpuLimitExceeded",
                "You have requested more vCPU capacity than your current vCPU limit of "
                f"{limit[1]:g} allows for the instance bucket that the specified instance type "
                "belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request "
                "an adjustment to this limit.",
            )


def _boot_modes(name: str) -> list[str]:
    modes: list[str] = INSTANCE_TYPES[name].get("SupportedBootModes", [])
    return modes


def _vcpus(name: str) -> int:
    return int(INSTANCE_TYPES[name]["VCpuInfo"]["DefaultVCpus"])
