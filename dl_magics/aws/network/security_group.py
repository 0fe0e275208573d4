"""The security group: it allows TCP port 22 from the user's address only.

For a crew, its members may also connect to each other, at any port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dl_magics.aws.network import own_address
from dl_magics.aws.parsing import OURS
from dl_magics.aws.session import AwsSession

DESCRIPTION = "SSH from one address; created by dl_magics"
MEMBERS = "tcp 0-65535 from its members"
"""The rule of a crew, as `describe_rules` says it."""


@dataclass(frozen=True, slots=True)
class RuleChange:
    """The sources for which port 22 was opened and closed; false if nothing was changed."""

    opened: tuple[str, ...]
    closed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.opened or self.closed)

    def __str__(self) -> str:
        opened = f"Port 22 is open to {', '.join(self.opened)} now" if self.opened else ""
        closed = f"no longer to {', '.join(self.closed)}" if self.closed else ""
        return ", ".join(filter(None, (opened, closed))) or "Port 22 was not changed"


def ensure_group(session: AwsSession, name: str, vpc: str) -> tuple[str, bool]:
    """Return the id of our security group in a VPC, and whether it was created."""
    if known := find_groups(session, name).get(vpc):
        return known, False
    response = session.change_ec2(
        "create_security_group",
        unless=("InvalidGroup.Duplicate",),
        **make_parameters(name, vpc),
    )
    if not response:
        return find_groups(session, name)[vpc], False
    return str(response["GroupId"]), True


def make_parameters(name: str, vpc: str) -> dict[str, Any]:
    """Return the parameters of CreateSecurityGroup for our group in a VPC."""
    tags = [{"Key": key, "Value": value} for key, value in OURS.items()]
    return {
        "GroupName": name,
        "Description": DESCRIPTION,
        "VpcId": vpc,
        "TagSpecifications": [{"ResourceType": "security-group", "Tags": tags}],
    }


def find_groups(session: AwsSession, name: str) -> dict[str, str]:
    """Return the ids of the security groups with this name by VPC: each VPC may have one."""
    return {each["VpcId"]: str(each["GroupId"]) for each in _groups(session, name)}


def authorize_sources(session: AwsSession, group: str, sources: list[str]) -> RuleChange:
    """Allow port 22 from `sources` only; return what was changed."""
    changes = find_rule_changes(session, group, sources)
    for call, permissions in changes.items():
        if permissions:
            session.change_ec2(
                call,
                unless=("InvalidPermission.Duplicate", "InvalidPermission.NotFound"),
                GroupId=group,
                IpPermissions=permissions,
            )
    return RuleChange(*(tuple(map(_source, permissions)) for permissions in changes.values()))


def authorize_members(session: AwsSession, group: str) -> bool:
    """Allow the members of a group to connect to each other; return whether that was changed."""
    if has_member_rule(session, group):
        return False
    session.change_ec2(
        "authorize_security_group_ingress",
        unless=("InvalidPermission.Duplicate",),
        GroupId=group,
        IpPermissions=[make_member_rule(group)],
    )
    return True


def has_member_rule(session: AwsSession, group: str) -> bool:
    """Return whether the members of a group may connect to each other."""
    return make_member_rule(group) in _read_rules(session, group)


def make_member_rule(group: str) -> dict[str, Any]:
    """Return the rule by which the members of a group may connect to each other."""
    ports = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535}
    return {**ports, "UserIdGroupPairs": [{"GroupId": group}]}


def find_rule_changes(
    session: AwsSession, group: str | None, sources: list[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return the rules to add and to remove, by call, so that only `sources` reach port 22.

    A group of None does not exist yet. The rule of a crew is left as it is.
    """
    wanted = [_rule(source) for source in sources]
    existing = [
        each
        for each in (_read_rules(session, group) if group else [])
        if each != make_member_rule(group or "")
    ]
    return {
        "authorize_security_group_ingress": [each for each in wanted if each not in existing],
        "revoke_security_group_ingress": [each for each in existing if each not in wanted],
    }


def list_sources(session: AwsSession, group: str) -> list[str]:
    """Return the sources from which a group allows port 22."""
    rules = _read_rules(session, group)
    return [source for rule in rules if _rule(source := _source(rule)) == rule]


def describe_rules(session: AwsSession, name: str) -> list[str] | None:
    """Return the rules of a group, `tcp 22 from 203.0.113.7/32`; None if it does not exist."""
    groups = _groups(session, name)
    if not groups:
        return None
    described = (
        MEMBERS if rule == make_member_rule(each["GroupId"]) else _format_rule(rule)
        for each in groups
        for rule in _split_rules(each.get("IpPermissions", []))
    )
    return list(dict.fromkeys(described))


def _format_rule(rule: dict[str, Any]) -> str:
    ports = {rule.get("FromPort"), rule.get("ToPort")}
    return f"{rule['IpProtocol']} {'-'.join(map(str, sorted(ports, key=str)))} from {_source(rule)}"


def _source(rule: dict[str, Any]) -> str:
    """Return the source of a rule with one source: a range, a group or a prefix list."""
    (source,) = next(value for value in rule.values() if isinstance(value, list))[0].values()
    return str(source)


def _groups(session: AwsSession, name: str) -> list[dict[str, Any]]:
    filters = [{"Name": "group-name", "Values": [name]}]
    return list(session.query("ec2", "describe_security_groups", Filters=filters)["SecurityGroups"])


def _read_rules(session: AwsSession, group: str) -> list[dict[str, Any]]:
    found = session.query("ec2", "describe_security_groups", GroupIds=[group])["SecurityGroups"][0]
    return _split_rules(found.get("IpPermissions", []))


def _rule(source: str) -> dict[str, Any]:
    ports = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    if own_address.is_ipv6(source):
        return {**ports, "Ipv6Ranges": [{"CidrIpv6": source}]}
    return {**ports, "IpRanges": [{"CidrIp": source}]}


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
