"""The hosts that `workers` names, and a crew of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dl_magics.actions.aws import context
from dl_magics.actions.aws.context import Context
from dl_magics.actions.gpu import host as ssh_host
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs.crew import files
from dl_magics.aws.pricing import prices
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.core.typed_name import quote_name
from dl_magics.crew.crew import HostCrew, require_dask
from dl_magics.crew.member import Member
from dl_magics.errors import NoSuchInstance, WrongState


@dataclass(frozen=True, slots=True)
class CrewHost:
    """A host of a crew: how to reach it, and the instance that it is, if it is one."""

    host: SshHost
    instance: Instance | None = None

    def to_member(self) -> Member:
        """Return it as the crew knows it."""
        price = self.instance.dollars_per_hour if self.instance else None
        return Member(self.host.name, self.host.authorize_and_resolve, price)


def make_crew(workers: Sequence[str]) -> HostCrew:
    """Return a crew of the hosts of these names; those that come up later join it."""
    find = _make_finder(workers, some=True)
    return HostCrew(lambda: [each.to_member() for each in find()], files.provide_files)


def list_members(workers: Sequence[str]) -> list[Member]:
    """Return the hosts of these names that are up."""
    return [each.to_member() for each in _make_finder(workers, some=True)()]


def describe_crew(
    workers: Sequence[str], *, some: bool = False, uses_dask: bool = True
) -> dict[str, Any]:
    """Return the `host` of the events of a run whose features a crew computes.

    Its price is that of all instances together. `some` is whether instances may be missing.

    Raises
    ------
    NotInstalled
        where Dask is missing on this computer.
    NoSuchInstance, WrongState
        where there is no such host, or none is up.
    """
    if uses_dask:
        require_dask()
    found = _make_finder(workers, some=some)()
    instances = [each.instance for each in found if each.instance]
    types = sorted({each.type for each in instances})
    described: dict[str, Any] = {
        "local": True,
        "name": ", ".join(each.host.name for each in found),
        "type": " and ".join(_count(instances, type_) for type_ in types),
        "count": len(found),
        "ids": [each.host.alias for each in found],
    }
    known = [each for each in instances if each.dollars_per_hour is not None]
    if len(types) == 1:
        described["each_type"] = types[0]
    if not known:
        return {**described, "type": described["type"] or f"{len(found)} hosts"}
    return {
        **described,
        "dollars_per_hour": sum(each.dollars_per_hour or 0.0 for each in known),
        "price_day": max(each.price_day for each in known),
    }


def describe_place(host: Mapping[str, Any]) -> str:
    """Return the sentence that says where a run with workers trains, of its `host`."""
    price = ""
    if "dollars_per_hour" in host:
        price = money.add_day(money.format_per_hour(host["dollars_per_hour"]), host["price_day"])
    what = ", ".join(each for each in (str(host["type"]), price) if each)
    return f"Trains on this computer; the features are computed on {host['name']} ({what})."


def list_instances(workers: Sequence[str]) -> tuple[Context, list[Instance]]:
    """Return the instances among the workers of these names that cost money, and their account."""
    aws = context.load()
    named = [word for word in workers if not ssh_host.is_ssh_host(word)]
    listed = [each for each in aws.ec2.list_instances() if each.costs_money] if named else []
    found = [each for each in listed if any(_is_named(each, name) for name in named)]
    return aws, sorted(found, key=_by_number)


def _count(instances: Sequence[Instance], type_: str) -> str:
    return f"{sum(each.type == type_ for each in instances)} × {type_}"


def _make_finder(workers: Sequence[str], *, some: bool) -> Callable[[], list[CrewHost]]:
    """Return what finds the hosts that are up, always in the account that is selected now.

    `some` is whether it is enough that one of the names is that of an instance.
    """
    plain = [word for word in workers if ssh_host.is_ssh_host(word)]
    others = [ssh_host.resolve(word, store=False) for word in plain]
    named = [word for word in workers if word not in plain]
    aws = context.load() if named else None

    def find() -> list[CrewHost]:
        found = [CrewHost(each) for each in others]
        return [*found, *(_find_instances(aws, named, some=some) if aws else ())]

    return find


def _find_instances(aws: Context, names: Sequence[str], *, some: bool) -> Iterator[CrewHost]:
    listed = [each for each in aws.ec2.list_instances() if not each.gone]
    wanted: dict[str, Instance] = {}
    for name in names:
        found = [each for each in listed if _is_named(each, name)]
        if not found and (not some or (name == names[-1] and not wanted)):
            raise NoSuchInstance(
                f"workers = {name!r:.80}: no instance has this name, or {name[:60]}-1, "
                f"{name[:60]}-2, … in {aws.profile_and_region}.",
                fix=f"{_how_to_launch(names)} · %aws_list shows all.",
            )
        wanted.update((each.id, each) for each in sorted(found, key=_by_number))
    running = [each for each in wanted.values() if each.state == "running"]
    if not running:
        states = ", ".join(f"{each.name} is {each.state}" for each in wanted.values())
        starts = [f"%aws_start {quote_name(each.name, each.id)}" for each in wanted.values()]
        raise WrongState(f"No worker is running: {states}.", fix=", ".join(starts))
    for each in prices.read_costs(aws.session, running):
        yield CrewHost(SshHost(alias=each.id, name=each.name, profile=aws.profile), each)


def _how_to_launch(names: Sequence[str]) -> str:
    """Return the line that launches instances of these names: of a crew, or of one each."""
    crews = {name.rpartition("-")[0] for name in names if name.rpartition("-")[2].isdecimal()}
    if len(crews) == 1 and len(names) > 1:
        return f"%aws_launch TYPE --count {len(names)} --name {quote_name(crews.pop()[:60])}"
    return f"%aws_launch TYPE --count 4 --name {quote_name(names[0][:60])}"


def _is_named(instance: Instance, name: str) -> bool:
    return name in (instance.id, instance.name) or instance.is_member(name)


def _by_number(instance: Instance) -> tuple[int, str]:
    number = instance.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0, instance.id
