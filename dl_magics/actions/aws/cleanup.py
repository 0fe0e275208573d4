"""Give back all that dl_magics made here, and nothing else: the ledger says what that is."""

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
    """Something on AWS that we made."""

    what: str
    id: str
    name: str
    state: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.name}{f' ({self.id}, {self.state})' if self.state else ''}"


@dataclass(frozen=True, slots=True)
class Resources:
    """What we made in one place and is still there."""

    profile_and_region: str
    each: tuple[Resource, ...]
    given_back: bool = False

    def __repr__(self) -> str:
        if not self.each:
            return f"{self.profile_and_region}: nothing of dl_magics is there."
        done = "given back" if self.given_back else "%aws_cleanup -f gives back"
        return "\n".join(
            [f"{self.profile_and_region}: {done}", *(f"  {each}" for each in self.each)]
        )


def list_resources(context: Context) -> Resources:
    """Return what the ledger says we made here and AWS says is still there."""
    made = _made(context)
    instances = [
        Resource("instance", each.id, each.name, each.state)
        for each in _instances(context, made["instance"], made["token"])
    ]
    groups = _existing(context, "describe_security_groups", "SecurityGroups", "group-name", made)
    key_pairs = _existing(context, "describe_key_pairs", "KeyPairs", "key-name", made)
    return Resources(
        context.profile_and_region,
        (
            *instances,
            *(Resource("security-group", each["GroupId"], each["GroupName"]) for each in groups),
            *(Resource("key-pair", each["KeyPairId"], each["KeyName"]) for each in key_pairs),
        ),
    )


def delete_resources(context: Context, things: Resources) -> Iterator[Resource]:
    """Give everything back, instances first; yield each thing when it is gone."""
    session, ec2 = context.session, context.ec2
    for thing in things.each:
        if thing.what == "instance":
            for _ in ec2.terminate(ec2.describe_instance(thing.id)):
                pass
            known_hosts.forget_host(thing.id)
            kernelspec.remove_kernelspec(thing.id)
        elif thing.what == "security-group":
            session.change_ec2(
                "delete_security_group", unless=("InvalidGroup.NotFound",), GroupId=thing.id
            )
        else:
            session.change_ec2(
                "delete_key_pair", unless=("InvalidKeyPair.NotFound",), KeyName=thing.name
            )
        ledger.append(
            did="gave back",
            what=thing.what,
            id=thing.id,
            profile_and_region=things.profile_and_region,
        )
        yield thing


def _made(context: Context) -> dict[str, set[str]]:
    made: dict[str, set[str]] = {
        kind: set() for kind in ("instance", "token", "key-pair", "security-group")
    }
    for entry in ledger.read_entries():
        if entry.get("profile_and_region") == context.profile_and_region and entry.get("did") in (
            "made",
            "makes",
        ):
            kind = "token" if "token" in entry else entry["what"]
            made[kind].add(entry.get("id") or entry["token"])
    return made


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
    context: Context, call: str, key: str, filter_name: str, made: dict[str, set[str]]
) -> list[dict[str, str]]:
    names = made["security-group" if key == "SecurityGroups" else "key-pair"]
    if not names:
        return []
    filters = [{"Name": filter_name, "Values": sorted(names)}]
    return list(context.session.query("ec2", call, Filters=filters)[key])
