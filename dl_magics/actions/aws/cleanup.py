"""List and delete the AWS resources that dl_magics created, and no others.

The ledger of this computer has what was created, by account and region, also for a request that AWS
did not answer. An instance is recognized by the client token of its request, which copied tags do
not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from dl_magics.actions.aws import regions
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import alarm, records
from dl_magics.actions.aws.resources import Resource, Resources
from dl_magics.aws import parsing
from dl_magics.aws.monitoring import cloudwatch
from dl_magics.aws.spot import requests as spot_requests
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError
from dl_magics.gpu_kernel import kernelspec
from dl_magics.ssh import known_hosts
from dl_magics.store import ledger, logins

SPOT_REQUEST = "spot-request"


def list_resources(context: Context, *, everywhere: bool = False) -> Resources:
    """Return what the ledger lists for this account and AWS still has, in all its regions.

    With `everywhere` also what another computer launched in regions that the ledger lacks.
    """
    entries = [
        entry
        for entry in ledger.read_entries()
        if entry.get("account") == context.session.account_id
        and entry.get("did") in ("created", "creating")
    ]
    named = sorted({context.region, *(str(entry["region"]) for entry in entries)})

    def read(there: Context) -> tuple[list[Resource], list[Resource]]:
        return _read_region(there, [each for each in entries if each["region"] == there.region])

    found, unread = regions.read_each(
        context, regions.list_regions(context) if everywhere else named, read
    )
    return Resources(
        context.account,
        tuple(each for ours, _ in found.values() for each in ours),
        tuple(each for _, others in found.values() for each in others),
        unread=unread,
    )


def _read_region(
    context: Context, entries: list[dict[str, str]]
) -> tuple[list[Resource], list[Resource]]:
    """Return what this computer created in a region, and what others launched there."""
    created = _Created.of(entries)
    ours: list[Resource] = []
    others: list[Resource] = []
    for instance in _launched(context):
        known = instance.id in created.ids or instance.token in created.tokens
        (ours if known else others).append(_resource(instance, context.region))
    ours += _open_requests(context, created.spot_requests - {each.spot_request for each in ours})
    if created.alarms:
        left = created.alarms.intersection(cloudwatch.list_alarm_names(context.session))
        price = alarm.describe_price(context.region)
        ours += [Resource(alarm.KIND, each, each, context.region, price) for each in sorted(left)]
    ours += _existing(context, "security-group", created.groups)
    ours += _existing(context, "key-pair", created.key_pairs)
    return ours, others


def delete_resources(context: Context, resources: Resources) -> Iterator[Resource]:
    """Terminate the instances, then delete the rest; yield each resource when that is done.

    What AWS refuses to delete is yielded with the refusal; the others are deleted all the same.
    """
    # A security group cannot be deleted while an instance uses it.
    first = ("instance", SPOT_REQUEST)
    for resource in sorted(resources.each, key=lambda each: each.kind not in first):
        there = context.in_region(resource.region)
        try:
            _delete(there, resource)
        except DLMagicsError as error:
            yield replace(resource, refusal=f"{error} {error.fix}")
            continue
        there.record("deleted", resource.kind, id=resource.id)
        yield resource


def _delete(context: Context, resource: Resource) -> None:
    if resource.kind == "instance":
        for _ in context.ec2.terminate(context.ec2.describe_instance(resource.id)):
            pass
        context.forget_instance(resource.id)
        known_hosts.forget_host(resource.id)
        logins.forget_login(resource.id)
        kernelspec.remove_kernelspec(resource.id)
        records.forget(resource.id)
    elif resource.kind == SPOT_REQUEST:
        _end_request(context, resource.id)
    elif resource.kind == alarm.KIND:
        cloudwatch.delete_alarm(context.session, resource.id)
    elif resource.kind == "security-group":
        context.session.change_ec2(
            "delete_security_group", unless=("InvalidGroup.NotFound",), GroupId=resource.id
        )
    else:
        context.session.change_ec2(
            "delete_key_pair", unless=("InvalidKeyPair.NotFound",), KeyName=resource.name
        )


@dataclass(frozen=True, slots=True)
class _Created:
    """What the ledger lists for one region."""

    ids: frozenset[str]
    tokens: frozenset[str]
    groups: frozenset[str]
    key_pairs: frozenset[str]
    spot_requests: frozenset[str]
    alarms: frozenset[str]

    @classmethod
    def of(cls, entries: list[dict[str, str]]) -> _Created:
        def ids(kind: str, key: str = "id") -> frozenset[str]:
            return frozenset(
                entry[key] for entry in entries if entry["what"] == kind and key in entry
            )

        return cls(
            ids("instance"),
            ids("instance", "token"),
            ids("security-group"),
            ids("key-pair"),
            ids(SPOT_REQUEST),
            ids(alarm.KIND),
        )


def _launched(context: Context) -> list[Instance]:
    """Return the instances that dl_magics launched, on this computer or another."""
    filters = [{"Name": "tag-key", "Values": [f"{parsing.TAG}token"]}]
    reservations, last = context.session.query_pages(
        "ec2", "describe_instances", "Reservations", Filters=filters
    )
    found = parsing.parse_instances({**last, "Reservations": reservations}, context.session)
    return context.ec2.add_disks([each for each in found if each.ours and not each.gone])


def _resource(instance: Instance, region: str) -> Resource:
    disk = f"disks {instance.month_text}"
    price = f"{instance.price_text}, " if instance.costs_money else ""
    detail = f"{instance.type}, {instance.state}, {price}{disk}"
    return Resource(
        "instance",
        instance.id,
        instance.name,
        region,
        detail,
        spot_request=instance.spot_request,
    )


def _open_requests(context: Context, ids: Iterable[str]) -> Iterator[Resource]:
    """Yield the spot requests that can still launch an instance, and have none of those listed."""
    for each in spot_requests.read_requests(context.session, ids):
        if each.is_live:
            detail = f"{each.state}, instance {each.instance or 'none'}"
            yield Resource(SPOT_REQUEST, each.id, each.id, context.region, detail)


def _end_request(context: Context, id_: str) -> None:
    """Cancel a spot request, and terminate the instance that EC2 has launched for it."""
    spot_requests.cancel_request(context.session, id_)
    for request in spot_requests.read_requests(context.session, [id_]):
        if request.instance:
            for _ in context.ec2.terminate(context.ec2.describe_instance(request.instance)):
                pass


def _existing(context: Context, kind: str, names: frozenset[str]) -> Iterator[Resource]:
    call, key, filter_name, id_key, name_key = (
        ("describe_security_groups", "SecurityGroups", "group-name", "GroupId", "GroupName")
        if kind == "security-group"
        else ("describe_key_pairs", "KeyPairs", "key-name", "KeyPairId", "KeyName")
    )
    # One name for each key of the user: few enough for one call.
    filters = [{"Name": filter_name, "Values": sorted(names)}]
    for each in context.session.query("ec2", call, Filters=filters)[key] if names else ():
        yield Resource(kind, each[id_key], each[name_key], context.region)
