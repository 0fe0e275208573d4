"""Parse the responses of EC2 into `Instance` values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

from dl_magics import text
from dl_magics.aws import instance_types, state_reasons
from dl_magics.core.instance import Instance
from dl_magics.errors import NoAnswer

TAG = "dl-magics:"
OURS = {f"{TAG}version": "1"}
"""The tag of every resource that dl_magics creates; its value is the version of our tags."""


def parse_instances(answer: Mapping[str, Any], region: str | None) -> list[Instance]:
    """Return the instances of a DescribeInstances response."""
    with map_parse_errors():
        seen_at = response_time(answer)
        return [
            _instance(each, seen_at, region)
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


def _instance(each: Mapping[str, Any], seen_at: float, region: str | None) -> Instance:
    tags = read_tags(each)
    return Instance(
        id=each["InstanceId"],
        name=text.escape_controls(tags.get("Name", "")) or each["InstanceId"],
        state=each["State"]["Name"],
        type=each["InstanceType"],
        gpu=instance_types.gpu_text(each["InstanceType"]),
        ip=each.get("PublicIpAddress"),
        zone=each.get("Placement", {}).get("AvailabilityZone", ""),
        launched_at=each["LaunchTime"].timestamp(),
        seen_at=seen_at,
        dollars_per_hour=instance_types.listed_price(each["InstanceType"], region),
        disk_gib=int(size) if (size := tags.get(f"{TAG}disk", "")).isdecimal() else 0,
        image=each.get("ImageId", ""),
        architecture=each.get("Architecture", "x86_64"),
        user=tags.get(f"{TAG}user", "ubuntu"),
        key=each.get("KeyName", ""),
        reason=_reason(each),
        groups=tuple(group["GroupId"] for group in each.get("SecurityGroups", [])),
        # The console copies tags ("Launch more like this"), but not the token of our request.
        ours=bool(token := each.get("ClientToken")) and tags.get(f"{TAG}token") == token,
        token=token or "",
    )


def _reason(each: Mapping[str, Any]) -> str:
    reason = each.get("StateReason", {})
    return state_reasons.name_reason(
        str(reason.get("Code", "")),
        str(reason.get("Message", "")),
        str(each.get("StateTransitionReason", "")),
    )
