"""The security group: it allows TCP port 22 from the user's address only."""

from __future__ import annotations

from typing import Any

from dl_magics.aws.parsing import OURS
from dl_magics.aws.session import AwsSession
from dl_magics.errors import CloudRefused

DESCRIPTION = "SSH from one address; created by dl_magics"


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
