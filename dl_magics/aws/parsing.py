"""Parse the responses of EC2 into `Instance` values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

from dl_magics import text
from dl_magics.aws import instance_types, state_reasons
from dl_magics.aws.pricing import known
from dl_magics.aws.session import AwsSession
from dl_magics.core.instance import Instance
from dl_magics.errors import NoAnswer

TAG = "dl-magics:"
OURS = {f"{TAG}version": "1"}
"""The tag of every resource that dl_magics creates; its value is the version of our tags."""


def parse_instances(answer: Mapping[str, Any], session: AwsSession) -> list[Instance]:
    """Return the instances of a DescribeInstances response, with the costs that are known."""
    with map_parse_errors():
        seen_at, now = response_time(answer), known.read_known(session)
        return [
            known.add_costs(now, _instance(each, seen_at, reservation.get("OwnerId", "")))
            for reservation in answer.get("Reservations", [])
            for each in reservation["Instances"]
        ]


def response_time(answer: Mapping[str, Any]) -> float:
    """Return the time of a response in seconds since the epoch, by the clock of AWS."""
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return parsedate_to_datetime(headers["date"]).timestamp()


@contextmanager
def map_parse_errors() -> Iterator[None]:
    """Raise NoAnswer if the response lacks a required field."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise NoAnswer(
            f"The response of AWS could not be parsed: {type(error).__name__} {error}.",
            fix="A proxy may have changed it. Then retry: %aws_state",
        ) from error


def read_tags(each: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of an EC2 resource."""
    return {tag["Key"]: tag["Value"] for tag in each.get("Tags", [])}


def _instance(each: Mapping[str, Any], seen_at: float, owner: str) -> Instance:
    tags = read_tags(each)
    addresses = list(_public_addresses(each))
    return Instance(
        id=each["InstanceId"],
        name=text.escape_controls(tags.get("Name", "")) or each["InstanceId"],
        state=each["State"]["Name"],
        type=each["InstanceType"],
        gpu=instance_types.gpu_text(each["InstanceType"]),
        ip=each.get("PublicIpAddress"),
        private_ip=each.get("PrivateIpAddress"),
        zone=each.get("Placement", {}).get("AvailabilityZone", ""),
        launched_at=each["LaunchTime"].timestamp(),
        stopped_at=state_reasons.read_stop_time(str(each.get("StateTransitionReason", ""))),
        seen_at=seen_at,
        spot=each.get("InstanceLifecycle") == "spot",
        spot_request=each.get("SpotInstanceRequestId", ""),
        public_addresses=len(addresses),
        elastic_ips=sum(_is_elastic(each, address) for address in addresses),
        volumes=len(each.get("BlockDeviceMappings", [])),
        disks=_tagged_disk(tags),
        image=each.get("ImageId", ""),
        architecture=each.get("Architecture", "x86_64"),
        ena=bool(each.get("EnaSupport")),
        ebs=each.get("RootDeviceType") != "instance-store",
        boot_mode=each.get("BootMode", ""),
        user=tags.get(f"{TAG}user", ""),
        key=each.get("KeyName", ""),
        reason=_reason(each),
        groups=tuple(group["GroupId"] for group in each.get("SecurityGroups", [])),
        # The console copies tags ("Launch more like this"), but not the token of our request.
        ours=bool(token := each.get("ClientToken")) and tags.get(f"{TAG}token") == token,
        token=token or "",
        instance_profile=_name_of_profile(each),
        owner=owner,
    )


def _name_of_profile(each: Mapping[str, Any]) -> str:
    """Return the name of the instance profile of an instance, the last part of its ARN."""
    return str(each.get("IamInstanceProfile", {}).get("Arn", "")).rpartition("/")[2]


def _public_addresses(each: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the association of each public IPv4 address of an instance."""
    for interface in each.get("NetworkInterfaces", []):
        for private in interface.get("PrivateIpAddresses", []):
            if private.get("Association", {}).get("PublicIp"):
                yield private["Association"]


def _is_elastic(each: Mapping[str, Any], address: Mapping[str, Any]) -> bool:
    """Return whether an address belongs to the account: a stopped instance has no other."""
    stopped = each["State"]["Name"] == "stopped"
    return stopped or address.get("IpOwnerId") not in (None, "amazon")


def _tagged_disk(tags: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """Return the disk that dl_magics created with an instance, by its tag."""
    size = tags.get(f"{TAG}disk", "")
    return ((known.DISK_TYPE, int(size)),) if size.isdecimal() else ()


def _reason(each: Mapping[str, Any]) -> str:
    reason = each.get("StateReason", {})
    return state_reasons.name_reason(
        str(reason.get("Code", "")),
        str(reason.get("Message", "")),
        str(each.get("StateTransitionReason", "")),
    )
