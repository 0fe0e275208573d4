"""What EC2 says of an instance, as an `Instance`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

from dl_magics.aws import instance_types
from dl_magics.core.instance import Instance
from dl_magics.errors import NoAnswer

TAG = "dl-magics:"
OURS = {f"{TAG}version": "1"}
"""The tag of everything that we make; the version is that of our tags."""


def parse_instances(answer: Mapping[str, Any], region: str | None) -> list[Instance]:
    """Return the instances of one answer to DescribeInstances."""
    with map_parse_errors():
        seen_at = response_time(answer)
        return [
            _instance(each, seen_at, region)
            for reservation in answer.get("Reservations", [])
            for each in reservation["Instances"]
        ]


def response_time(answer: Mapping[str, Any]) -> float:
    """Return when AWS said this, by its own clock: ours may be wrong."""
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return parsedate_to_datetime(headers["date"]).timestamp()


@contextmanager
def map_parse_errors() -> Iterator[None]:
    """Say it in our words where an answer lacks what it must have."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise NoAnswer(
            f"AWS's answer could not be read: {type(error).__name__} {error}.",
            fix="A proxy may stand between. %aws_state asks again.",
        ) from error


def read_tags(each: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of anything on EC2."""
    return {tag["Key"]: tag["Value"] for tag in each.get("Tags", [])}


def _instance(each: Mapping[str, Any], seen_at: float, region: str | None) -> Instance:
    tagged = read_tags(each)
    return Instance(
        id=each["InstanceId"],
        name=tagged.get("Name") or each["InstanceId"],
        state=each["State"]["Name"],
        type=each["InstanceType"],
        gpu=instance_types.gpu_text(each["InstanceType"]),
        ip=each.get("PublicIpAddress"),
        zone=each.get("Placement", {}).get("AvailabilityZone", ""),
        launched_at=each["LaunchTime"].timestamp(),
        seen_at=seen_at,
        dollars_per_hour=instance_types.listed_price(each["InstanceType"], region),
        disk_gib=int(tagged.get(f"{TAG}disk", 0)),
        image=each.get("ImageId", ""),
        architecture=each.get("Architecture", "x86_64"),
        user=tagged.get(f"{TAG}user", "ubuntu"),
        key=each.get("KeyName", ""),
        reason=_reason(each),
        groups=tuple(group["GroupId"] for group in each.get("SecurityGroups", [])),
        ours=f"{TAG}version" in tagged,
    )


def _reason(each: Mapping[str, Any]) -> str:
    """Return why it changed: what EC2 itself decided stands in one place, the rest in another."""
    said = str(each.get("StateReason", {}).get("Message", ""))
    return said if said.startswith("Server.") else str(each.get("StateTransitionReason", ""))
