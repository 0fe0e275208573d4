"""Check what a launch needs: one line each, with what to type where something is missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from dl_magics.actions.aws import access, leftovers, regions, selection
from dl_magics.actions.aws.context import Context, from_state
from dl_magics.actions.aws.guard import control
from dl_magics.aws import quotas
from dl_magics.aws.network import security_group, subnets
from dl_magics.errors import DLMagicsError, NoAddress
from dl_magics.ssh import known_hosts
from dl_magics.store.state import State

ACTIONS = {
    "cloudwatch": "DeleteAlarms DescribeAlarms GetMetricStatistics PutMetricAlarm",
    "ec2": "AuthorizeSecurityGroupIngress CancelSpotInstanceRequests CreateSecurityGroup "
    "CreateTags DeleteKeyPair DeleteSecurityGroup DescribeAddresses DescribeImages "
    "DescribeInstanceAttribute "
    "DescribeInstanceTypeOfferings DescribeInstanceTypes DescribeInstances DescribeKeyPairs "
    "DescribeRegions DescribeSecurityGroups DescribeSpotInstanceRequests "
    "DescribeSpotPriceHistory DescribeSubnets "
    "DescribeVolumes DescribeVpcs GetConsoleOutput ImportKeyPair ModifyInstanceAttribute "
    "RevokeSecurityGroupIngress RunInstances StartInstances StopInstances "
    "TerminateInstances",
    "iam": "CreateServiceLinkedRole",
    "pricing": "GetProducts",
    "servicequotas": "GetServiceQuota",
    "ssm": "GetParameter",
    "sts": "GetCallerIdentity",
}

# Who may pass any role to an instance has the permissions of all of them.
PASS_ROLE = {
    "Effect": "Allow",
    "Action": "iam:PassRole",
    "Resource": "arn:aws:iam::*:role/dl-magics-*",
    "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check and its result; `mark` is ✓ (passed), ! (warning) or ✗ (failed)."""

    mark: str
    what: str
    found: str
    fix: str = ""

    def __str__(self) -> str:
        fix = f" → {self.fix}" if self.fix else ""
        return f"{self.mark} {self.what:<15} {self.found}{fix}"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The results of all checks."""

    lines: tuple[CheckLine, ...]

    @property
    def fine(self) -> bool:
        """Whether no check failed."""
        return all(line.mark != "✗" for line in self.lines)

    def __repr__(self) -> str:
        return "\n".join(map(str, self.lines))


def run_checks(remembered: State | None = None, *, remembers: bool = True) -> CheckResult:
    """Run all checks; an error of AWS becomes a failed line of the report.

    `remembered` is by default the state with the selections of this process. With `remembers` an
    instance that no longer exists is not selected any more.
    """
    checks = (
        ("credentials", _credentials),
        ("region", _region),
        ("environment", _environment),
        ("network", _network),
        ("your address", _address),
        ("quota", _quotas),
        ("key pair", _key_pair),
        ("security group", _group),
        ("instance", _instance),
        ("elastic IPs", _elastic_ips),
        ("volumes", _volumes),
        ("elsewhere", _elsewhere),
    )
    selected = remembered or selection.read()

    def load() -> Context:
        return replace(from_state(selected), remembers=remembers)

    return CheckResult(
        tuple(line for what, check in checks for line in _run_check(load, what, check))
    )


def make_policy() -> str:
    """Return the IAM policy, as JSON, with the permissions that the magics use."""
    actions = [f"{service}:{call}" for service, calls in ACTIONS.items() for call in calls.split()]
    statements = [{"Effect": "Allow", "Action": actions, "Resource": "*"}, PASS_ROLE]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def _run_check(
    load: Callable[[], Context],
    what: str,
    check: Callable[[Context], Iterator[tuple[str, str, str]]],
) -> Iterator[CheckLine]:
    try:
        for mark, found, fix in check(load()):
            yield CheckLine(mark, what, found, fix)
    except DLMagicsError as error:
        yield CheckLine("✗", what, str(error), error.fix)


def _credentials(context: Context) -> Iterator[tuple[str, str, str]]:
    identity = context.session.query("sts", "get_caller_identity")
    yield "✓", f"{context.profile.name}: {identity['Arn']}", ""


def _region(context: Context) -> Iterator[tuple[str, str, str]]:
    yield "✓", str(context.session.region), ""


def _environment(context: Context) -> Iterator[tuple[str, str, str]]:
    for found in context.profile.describe_variables():
        # What does not bear on the practice cloud is no warning.
        yield "✓" if context.profile.config_file else "!", found, ""


def _network(context: Context) -> Iterator[tuple[str, str, str]]:
    found = subnets.find_default_subnets(context.session)
    yield "✓", f"default VPC {found[0].vpc}, {len(found)} default subnets", ""


def _elastic_ips(context: Context) -> Iterator[tuple[str, str, str]]:
    unused, count = leftovers.find_unused_addresses(context)
    for each in unused:
        found = f"{each.what} is not in use and costs {each.cost}"
        yield "!", found, f"In a terminal: {each.delete}"
    if not unused:
        yield "✓", f"{count}, all in use" if count else "none", ""


def _volumes(context: Context) -> Iterator[tuple[str, str, str]]:
    unused = leftovers.find_unused_volumes(context)
    for each in unused:
        found = f"{each.what} is attached to no instance and costs {each.cost}"
        yield "!", found, f"In a terminal: {each.delete}"
    if not unused:
        yield "✓", "none without an instance", ""


def _address(context: Context) -> Iterator[tuple[str, str, str]]:
    yield "✓", ", ".join(access.resolve_sources(context)), ""


def _quotas(context: Context) -> Iterator[tuple[str, str, str]]:
    instances = context.ec2.list_instances()
    for family in ("g", "p", "standard"):
        quota = quotas.read_quota(context.session, family, instances)
        if quota.left is None:
            yield "!", f"{quota.name}: could not be read", ""
        elif quota.left < 4:
            left = f"{quota.name}: {quota.left:g} vCPUs left of {quota.limit:g}"
            yield "!", left, f"request an increase: {quota.link(context.session.region)}"
        else:
            yield "✓", f"{quota.name}: {quota.left:g} vCPUs left of {quota.limit:g}", ""


def _key_pair(context: Context) -> Iterator[tuple[str, str, str]]:
    name = access.our_name()
    filters = [{"Name": "key-name", "Values": [name]}]
    if context.session.query("ec2", "describe_key_pairs", Filters=filters)["KeyPairs"]:
        yield "✓", name, ""
    else:
        yield "!", f"{name} does not exist yet", "%aws_launch creates it"


def _group(context: Context) -> Iterator[tuple[str, str, str]]:
    name = access.our_name()
    rules = security_group.describe_rules(context.session, name)
    if rules is None:
        yield "!", f"{name} does not exist yet", "%aws_launch creates it"
        return
    try:
        wanted = [f"tcp 22 from {source}" for source in access.resolve_sources(context)]
    except NoAddress:
        yield "!", f"{name}: {', '.join(rules) or 'no rules'}; your address is not known", ""
        return
    if sorted(set(rules) - {security_group.MEMBERS}) == sorted(wanted):
        yield "✓", f"{name}: {', '.join(rules)}", ""
    else:
        yield "✗", f"{name}: {', '.join(rules) or 'no rules'}", "%aws_start corrects it"


def _elsewhere(context: Context) -> Iterator[tuple[str, str, str]]:
    listing = regions.list_instances(context)
    running = [each for each in listing if each.costs_money and each.zone[:-1] != context.region]
    for each in running:
        found = f"{each.name} ({each.type}, {each.id}) runs in {each.zone[:-1]}, {each.price_text}"
        yield "!", found, f"%aws_region {each.zone[:-1]}, then %aws_stop {each.id}"
    if listing.unread:
        yield "!", f"could not be read: {', '.join(listing.unread)}", ""
    elif not running:
        yield "✓", "nothing runs in another region", ""


def _instance(context: Context) -> Iterator[tuple[str, str, str]]:
    if not context.selected_id:
        yield "!", "none is selected", "%aws_get NAME · %aws_launch TYPE"
        return
    instance = context.resolve_instance()
    yield "✓", str(instance), ""
    if not known_hosts.pinned_lines(instance.id):
        yield "!", "its host key is not pinned", "%aws_ssh --trust"
    if control.read_shutdown_behavior(context, instance) != "stop":
        fix = control.change_behavior_command(instance)
        yield "✗", "a shutdown in the instance terminates it", fix
