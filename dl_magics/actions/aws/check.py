"""Look at everything that renting needs: a line each, and what to type where it is not right."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context, from_state
from dl_magics.aws import quotas, security_group
from dl_magics.errors import DLMagicsError
from dl_magics.ssh import known_hosts
from dl_magics.store import state
from dl_magics.store.state import State

ACTIONS = {
    "ec2": "AuthorizeSecurityGroupIngress CreateSecurityGroup CreateTags DeleteKeyPair "
    "DeleteSecurityGroup DescribeImages DescribeInstanceAttribute "
    "DescribeInstanceTypeOfferings DescribeInstances "
    "DescribeKeyPairs DescribeRegions DescribeSecurityGroups DescribeSpotPriceHistory "
    "DescribeVolumes DescribeVpcs GetConsoleOutput ImportKeyPair ModifyInstanceAttribute "
    "RevokeSecurityGroupIngress RunInstances StartInstances StopInstances TerminateInstances",
    "pricing": "GetProducts",
    "servicequotas": "GetServiceQuota",
    "ssm": "GetParameter",
    "sts": "GetCallerIdentity",
}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing that was looked at: `mark` is ✓, ✗ or !."""

    mark: str
    what: str
    found: str
    fix: str = ""

    def __str__(self) -> str:
        fix = f" → {self.fix}" if self.fix else ""
        return f"{self.mark} {self.what:<15} {self.found}{fix}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    lines: tuple[CheckLine, ...]

    @property
    def fine(self) -> bool:
        """Whether an instance can be rented."""
        return all(line.mark != "✗" for line in self.lines)

    def __repr__(self) -> str:
        return "\n".join(map(str, self.lines))


def run_checks() -> Report:
    """Look at everything; what fails is a line of the report, not an error."""
    looks = (
        ("credentials", _credentials),
        ("region", _region),
        ("your address", _address),
        ("quota", _quotas),
        ("key pair", _key_pair),
        ("security group", _group),
        ("instance", _instance),
    )
    remembered = state.read()
    return Report(tuple(line for what, look in looks for line in _looked(remembered, what, look)))


def make_policy() -> str:
    """Return the smallest IAM policy with which all magics work."""
    actions = [f"{service}:{call}" for service, calls in ACTIONS.items() for call in calls.split()]
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def _looked(
    remembered: State, what: str, look: Callable[[Context], Iterator[tuple[str, str, str]]]
) -> Iterator[CheckLine]:
    try:
        for mark, found, fix in look(from_state(remembered)):
            yield CheckLine(mark, what, found, fix)
    except DLMagicsError as error:
        yield CheckLine("✗", what, str(error), error.fix)


def _credentials(context: Context) -> Iterator[tuple[str, str, str]]:
    who = context.session.query("sts", "get_caller_identity")
    yield "✓", f"{context.profile.name}: {who['Arn']}", ""


def _region(context: Context) -> Iterator[tuple[str, str, str]]:
    yield "✓", str(context.session.region), ""


def _address(context: Context) -> Iterator[tuple[str, str, str]]:
    yield "✓", ", ".join(access.resolve_sources(context)), ""


def _quotas(context: Context) -> Iterator[tuple[str, str, str]]:
    everything = context.ec2.list_instances()
    for family in ("g", "p", "standard"):
        quota = quotas.read_quota(context.session, family, everything)
        if quota.left is None:
            yield "!", f"{quota.name}: AWS does not tell it", ""
        elif quota.left < 4:
            left = f"{quota.name}: {quota.left:g} vCPUs left of {quota.limit:g}"
            yield "!", left, f"ask for more: {quota.link(context.session.region)}"
        else:
            yield "✓", f"{quota.name}: {quota.left:g} vCPUs left of {quota.limit:g}", ""


def _key_pair(context: Context) -> Iterator[tuple[str, str, str]]:
    name = access.our_name()
    filters = [{"Name": "key-name", "Values": [name]}]
    if context.session.query("ec2", "describe_key_pairs", Filters=filters)["KeyPairs"]:
        yield "✓", name, ""
    else:
        yield "!", f"{name} is not on AWS yet", "%aws_launch puts it there"


def _group(context: Context) -> Iterator[tuple[str, str, str]]:
    name = access.our_name()
    rules = security_group.describe_rules(context.session, name)
    if rules is None:
        yield "!", f"{name} is not there yet", "%aws_launch makes it"
    elif sorted(rules) == sorted(
        f"tcp 22 from {source}" for source in access.resolve_sources(context)
    ):
        yield "✓", f"{name}: {', '.join(rules)}", ""
    else:
        yield "✗", f"{name}: {', '.join(rules) or 'no rule'}", "%aws_start corrects it"


def _instance(context: Context) -> Iterator[tuple[str, str, str]]:
    if not context.selected_id:
        yield "!", "none is chosen", "%aws_get NAME · %aws_launch TYPE"
        return
    instance = context.resolve_instance()
    yield "✓", str(instance), ""
    if not known_hosts.pinned_lines(instance.id):
        yield "!", "its host key is not known here", "%aws_ssh --trust"
    behaviour = context.session.query(
        "ec2",
        "describe_instance_attribute",
        InstanceId=instance.id,
        Attribute="instanceInitiatedShutdownBehavior",
    )["InstanceInitiatedShutdownBehavior"]["Value"]
    if behaviour != "stop":
        yield "✗", "a shutdown inside gives it back for good", "aws ec2 modify-instance-attribute"
