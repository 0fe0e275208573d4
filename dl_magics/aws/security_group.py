"""The security group: it allows TCP port 22 from the user's address only."""

from __future__ import annotations

import ipaddress
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from dl_magics.aws.parsing import OURS
from dl_magics.aws.session import AwsSession
from dl_magics.errors import BadSetting, CloudRefused, NoAddress

_TIMEOUT_SECONDS = 8
_MAX_ANSWER_BYTES = 200
DESCRIPTION = "SSH from one address; created by dl_magics"


def find_own_address(url: str) -> str:
    """Return this computer's public IPv4 address as a /32, as the service at `url` reports it.

    A `data:` URL contains the address. Raises NoAddress if the response is not an address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "data") and parts.hostname not in ("127.0.0.1", "localhost"):
        raise BadSetting(
            f"The address service must use https, got {url}.",
            fix="%aws_profile --address-url https://checkip.amazonaws.com",
        )
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:
            text = answer.read(_MAX_ANSWER_BYTES).decode(errors="replace").strip()
        return f"{ipaddress.IPv4Address(text)}/32"
    except (OSError, ValueError) as error:
        raise NoAddress(
            f"{parts.hostname or url} did not return your public IP address ({error}).",
            fix="Set the address: --allow-from 203.0.113.7/32 · or another service: "
            "%aws_profile --address-url https://…",
        ) from error


def parse_range(cidr: str) -> str:
    """Return an address range in CIDR notation; raise BadSetting if it is invalid or too large."""
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError as error:
        raise BadSetting(
            f"'{cidr}' is not an IP address or CIDR range.", fix="--allow-from 203.0.113.0/24"
        ) from error
    if network.prefixlen < 8:
        raise BadSetting(
            f"{network} is too large: the prefix must have at least 8 bits.",
            fix="--allow-from 203.0.113.0/24",
        )
    return str(network)


def ensure_group(session: AwsSession, name: str) -> tuple[str, bool]:
    """Return the id of our security group, and whether it was created."""
    if known := group_id(session, name):
        return known, False
    vpcs = session.query(
        "ec2", "describe_vpcs", Filters=[{"Name": "is-default", "Values": ["true"]}]
    )
    if not vpcs["Vpcs"]:
        raise CloudRefused(
            f"Region {session.region} has no default VPC.",
            fix="In a terminal: aws ec2 create-default-vpc · or another region: %aws_region",
        )
    response = session.change_ec2(
        "create_security_group",
        unless=("InvalidGroup.Duplicate",),
        GroupName=name,
        Description=DESCRIPTION,
        VpcId=vpcs["Vpcs"][0]["VpcId"],
        TagSpecifications=[
            {
                "ResourceType": "security-group",
                "Tags": [{"Key": key, "Value": value} for key, value in OURS.items()],
            }
        ],
    )
    return str(response["GroupId"] if response else group_id(session, name)), bool(response)


def group_id(session: AwsSession, name: str) -> str | None:
    """Return the id of the security group with this name, or None."""
    known = _group(session, name)
    return str(known["GroupId"]) if known else None


def authorize_sources(session: AwsSession, group: str, sources: list[str]) -> bool:
    """Allow port 22 from `sources` only; return whether the rules were changed."""
    rules = session.query("ec2", "describe_security_groups", GroupIds=[group])["SecurityGroups"][0]
    wanted = [_rule(source) for source in sources]
    stale = [each for each in _split_rules(rules.get("IpPermissions", [])) if each not in wanted]
    missing = [each for each in wanted if each not in _split_rules(rules.get("IpPermissions", []))]
    if missing:
        session.change_ec2(
            "authorize_security_group_ingress",
            unless=("InvalidPermission.Duplicate",),
            GroupId=group,
            IpPermissions=missing,
        )
    if stale:
        session.change_ec2(
            "revoke_security_group_ingress",
            unless=("InvalidPermission.NotFound",),
            GroupId=group,
            IpPermissions=stale,
        )
    return bool(missing or stale)


def is_open(session: AwsSession, group: str, source: str) -> bool:
    """Return whether the group allows port 22 from a source."""
    rules = session.query("ec2", "describe_security_groups", GroupIds=[group])["SecurityGroups"][0]
    return _rule(source) in _split_rules(rules.get("IpPermissions", []))


def describe_rules(session: AwsSession, name: str) -> list[str] | None:
    """Return the rules of a group, `tcp 22 from 203.0.113.7/32`; None if it does not exist."""
    group = _group(session, name)
    if not group:
        return None
    return [_format_rule(each) for each in _split_rules(group.get("IpPermissions", []))]


def _format_rule(rule: dict[str, Any]) -> str:
    ports = {rule.get("FromPort"), rule.get("ToPort")}
    (source,) = next(value for value in rule.values() if isinstance(value, list))[0].values()
    return f"{rule['IpProtocol']} {'-'.join(map(str, sorted(ports, key=str)))} from {source}"


def _group(session: AwsSession, name: str) -> dict[str, Any]:
    filters = [{"Name": "group-name", "Values": [name]}]
    found = session.query("ec2", "describe_security_groups", Filters=filters)["SecurityGroups"]
    return dict(found[0]) if found else {}


def _rule(source: str) -> dict[str, Any]:
    return {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "IpRanges": [{"CidrIp": source}],
    }


def _split_rules(permissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Split the rules of EC2 into rules with one source each, without descriptions."""
    single = []
    for each in permissions:
        ports = {key: each[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in each}
        for kind, name in (
            ("IpRanges", "CidrIp"),
            ("Ipv6Ranges", "CidrIpv6"),
            ("UserIdGroupPairs", "GroupId"),
            ("PrefixListIds", "PrefixListId"),
        ):
            single += [{**ports, kind: [{name: source[name]}]} for source in each.get(kind, [])]
    return single
