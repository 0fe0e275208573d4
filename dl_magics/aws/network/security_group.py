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
    response = session.change_ec2(
        "create_security_group",
        unless=("InvalidGroup.Duplicate",),
        **make_parameters(session, name),
    )
    return str(response["GroupId"] if response else group_id(session, name)), bool(response)


def make_parameters(session: AwsSession, name: str) -> dict[str, Any]:
    """Return the parameters of CreateSecurityGroup for our group in the default VPC."""
    vpcs = session.query(
        "ec2", "describe_vpcs", Filters=[{"Name": "is-default", "Values": ["true"]}]
    )
    if not vpcs["Vpcs"]:
        raise CloudRefused(
            f"Region {session.region} has no default VPC.",
            fix="In a terminal: aws ec2 create-default-vpc · or another region: %aws_region",
        )
    tags = [{"Key": key, "Value": value} for key, value in OURS.items()]
    return {
        "GroupName": name,
        "Description": DESCRIPTION,
        "VpcId": vpcs["Vpcs"][0]["VpcId"],
        "TagSpecifications": [{"ResourceType": "security-group", "Tags": tags}],
    }


def group_id(session: AwsSession, name: str) -> str | None:
    """Return the id of the security group with this name, or None."""
    known = _group(session, name)
    return str(known["GroupId"]) if known else None


def authorize_sources(session: AwsSession, group: str, sources: list[str]) -> bool:
    """Allow port 22 from `sources` only; return whether the rules were changed."""
    changes = find_rule_changes(session, group, sources)
    for call, permissions in changes.items():
        if permissions:
            session.change_ec2(
                call,
                unless=("InvalidPermission.Duplicate", "InvalidPermission.NotFound"),
                GroupId=group,
                IpPermissions=permissions,
            )
    return any(changes.values())


def find_rule_changes(
    session: AwsSession, group: str | None, sources: list[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return the rules to add and to remove, by call, so that only `sources` reach port 22.

    A group of None does not exist yet.
    """
    wanted = [_rule(source) for source in sources]
    existing = _read_rules(session, group) if group else []
    return {
        "authorize_security_group_ingress": [each for each in wanted if each not in existing],
        "revoke_security_group_ingress": [each for each in existing if each not in wanted],
    }


def _read_rules(session: AwsSession, group: str) -> list[dict[str, Any]]:
    groups = session.query("ec2", "describe_security_groups", GroupIds=[group])["SecurityGroups"]
    return _split_rules(groups[0].get("IpPermissions", []))


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
