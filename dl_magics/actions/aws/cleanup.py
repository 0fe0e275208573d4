"""List and delete the AWS resources that the ledger says dl_magics created, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dl_magics.actions.aws.context import Context
from dl_magics.aws import parsing
from dl_magics.core.instance import Instance
from dl_magics.gpu_kernel import kernelspec
from dl_magics.ssh import known_hosts
from dl_magics.store import ledger


@dataclass(frozen=True, slots=True)
class Resource:
    """An AWS resource that dl_magics created."""

    what: str
    id: str
    name: str
    state: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.name}{f' ({self.id}, {self.state})' if self.state else ''}"


@dataclass(frozen=True, slots=True)
class Resources:
    """The existing resources that dl_magics created with one profile and region."""

    profile_and_region: str
    each: tuple[Resource, ...]
    deleted: bool = False

    def __repr__(self) -> str:
        if not self.each:
            return f"{self.profile_and_region}: no resources of dl_magics exist."
        done = "deleted" if self.deleted else "%aws_cleanup -f deletes"
        return "\n".join(
            [f"{self.profile_and_region}: {done}", *(f"  {each}" for each in self.each)]
        )


def list_resources(context: Context) -> Resources:
    """Return the resources that the ledger lists for this profile and region and AWS still has."""
    created = _created(context)
    instances = [
        Resource("instance", each.id, each.name, each.state)
        for each in _instances(context, created["instance"], created["token"])
    ]
    groups = _existing(context, "describe_security_groups", "SecurityGroups", "group-name", created)
    key_pairs = _existing(context, "describe_key_pairs", "KeyPairs", "key-name", created)
    return Resources(
        context.profile_and_region,
        (
            *instances,
            *(Resource("security-group", each["GroupId"], each["GroupName"]) for each in groups),
            *(Resource("key-pair", each["KeyPairId"], each["KeyName"]) for each in key_pairs),
        ),
    )


def delete_resources(context: Context, resources: Resources) -> Iterator[Resource]:
    """Terminate the instances, then delete the rest; yield each resource when it is deleted."""
    session, ec2 = context.session, context.ec2
    for resource in resources.each:
        if resource.what == "instance":
            for _ in ec2.terminate(ec2.describe_instance(resource.id)):
                pass
            known_hosts.forget_host(resource.id)
            kernelspec.remove_kernelspec(resource.id)
        elif resource.what == "security-group":
            session.change_ec2(
                "delete_security_group", unless=("InvalidGroup.NotFound",), GroupId=resource.id
            )
        else:
            session.change_ec2(
                "delete_key_pair", unless=("InvalidKeyPair.NotFound",), KeyName=resource.name
            )
        ledger.append(
            did="deleted",
            what=resource.what,
            id=resource.id,
            profile_and_region=resources.profile_and_region,
        )
        yield resource


def _created(context: Context) -> dict[str, set[str]]:
    created: dict[str, set[str]] = {
        kind: set() for kind in ("instance", "token", "key-pair", "security-group")
    }
    for entry in ledger.read_entries():
        if entry.get("profile_and_region") == context.profile_and_region and entry.get("did") in (
            "created",
            "creating",
        ):
            kind = "token" if "token" in entry else entry["what"]
            created[kind].add(entry.get("id") or entry["token"])
    return created


def _instances(context: Context, ids: set[str], tokens: set[str]) -> list[Instance]:
    found: dict[str, Instance] = {}
    session = context.session
    for name, values in (("instance-id", ids), (f"tag:{parsing.TAG}token", tokens)):
        if values:
            filters = [{"Name": name, "Values": sorted(values)}]
            answer = session.query("ec2", "describe_instances", Filters=filters)
            found |= {each.id: each for each in parsing.parse_instances(answer, session.region)}
    return [each for each in found.values() if not each.gone]


def _existing(
    context: Context, call: str, key: str, filter_name: str, created: dict[str, set[str]]
) -> list[dict[str, str]]:
    names = created["security-group" if key == "SecurityGroups" else "key-pair"]
    if not names:
        return []
    filters = [{"Name": filter_name, "Values": sorted(names)}]
    return list(context.session.query("ec2", call, Filters=filters)[key])
