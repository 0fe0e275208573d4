"""The life of an instance: list, get, start, stop, change its type, give it back."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from dl_magics.aws import instance_types, parsing
from dl_magics.aws.session import AwsSession
from dl_magics.core import money
from dl_magics.core.instance import Instance, State
from dl_magics.errors import (
    DLMagicsError,
    NoAnswer,
    NoCapacity,
    NoSuchInstance,
    NoSuchType,
    TooManyRequests,
    WrongState,
)

_FIRST_WAIT, _LONGEST_WAIT = 0.25, 1.0
_PATIENCE_SECONDS = 600.0
_SETTLING_SECONDS = 5.0
_SILENT_SECONDS = 30.0


class Ec2:
    """The instances of one profile and region.

    What takes time is a generator: it yields the instance at each change of state, and ends when
    the instance is where it should be.
    """

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self.region = session.region

    def list_instances(self) -> list[Instance]:
        """Return every instance of the account in this region, with the sizes of their disks."""
        reservations, last = self._session.query_pages("ec2", "describe_instances", "Reservations")
        found = parsing.parse_instances({**last, "Reservations": reservations}, self.region)
        return self.add_disk_sizes(found)

    def describe_instance(self, id_: str) -> Instance:
        """Return one instance by its id."""
        answer = self._session.query("ec2", "describe_instances", InstanceIds=[id_])
        found = parsing.parse_instances(answer, self.region)
        if not found:
            raise NoSuchInstance(
                f"AWS no longer knows {id_}.", fix="%aws_list shows the ones you have."
            )
        return found[0]

    def add_disk_sizes(self, instances: list[Instance]) -> list[Instance]:
        """Fill in the size of the disks where no tag of ours says it."""
        unknown = [each.id for each in instances if not each.disk_gib and not each.gone]
        if not unknown:
            return instances
        attached = [{"Name": "attachment.instance-id", "Values": unknown}]
        volumes, _ = self._session.query_pages(
            "ec2", "describe_volumes", "Volumes", Filters=attached
        )
        sizes = dict.fromkeys(unknown, 0)
        for volume in volumes:
            for attachment in volume.get("Attachments", []):
                sizes[attachment["InstanceId"]] += volume["Size"]
        return [replace(each, disk_gib=sizes.get(each.id, each.disk_gib)) for each in instances]

    def start(self, instance: Instance) -> Iterator[Instance]:
        """Start it, once; nothing is asked of EC2 where it is on its way already."""
        yield instance
        _refuse_gone(instance)
        if instance.state == "stopping":
            # Somebody else may start it between two looks.
            for seen in self._watch(instance, {"stopped", "pending", "running"}):
                instance = seen
                yield seen
        if instance.state == "stopped":
            self._request_start(instance)
        yield from self._watch(instance, {"running"}, refused={"stopping", "stopped"})

    def stop(self, instance: Instance) -> Iterator[Instance]:
        """Stop it; one that just starts is stopped as soon as EC2 lets us."""
        yield instance
        _refuse_gone(instance)
        if instance.costs_money:
            try:
                self._session.change_ec2("stop_instances", InstanceIds=[instance.id])
            except WrongState:
                for seen in self._watch(instance, {"running", "stopping", "stopped"}):
                    instance = seen
                    yield seen
                self._session.change_ec2("stop_instances", InstanceIds=[instance.id])
        yield from self._watch(instance, {"stopped"}, refused={"pending", "running"})

    def change_type(self, instance: Instance, type_: str) -> Instance:
        """Change the type of a stopped instance; its disk and name stay."""
        if instance.type != type_:
            self._session.change_ec2(
                "modify_instance_attribute",
                InstanceId=instance.id,
                InstanceType={"Value": type_},
            )
        return self.describe_instance(instance.id)

    def terminate(self, instance: Instance) -> Iterator[Instance]:
        """Give it back for good."""
        yield instance
        if instance.state != "terminated":
            self._session.change_ec2("terminate_instances", InstanceIds=[instance.id])
            yield from self._watch(instance, {"terminated"})

    def list_zones(self, type_: str) -> list[str]:
        """Return the zones of this region that offer a type; none where it is unknown."""
        filters = [{"Name": "instance-type", "Values": [type_]}]
        offered, _ = self._session.query_pages(
            "ec2",
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            LocationType="availability-zone",
            Filters=filters,
        )
        return sorted(each["Location"] for each in offered)

    def check_type(self, type_: str, *, zone: str = "", magic: str) -> None:
        """Raise if `type_` cannot be had here; say which one of today is the nearest."""
        zones = self.list_zones(type_)
        if zones and (not zone or zone in zones):
            return
        where = zone if zones else self.region
        retired = instance_types.known_types().get(type_)
        why = (
            "is retired: AWS no longer has it"
            if retired and retired.retired
            else "is not available"
        )
        raise NoSuchType(f"{type_} {why} in {where}.", fix=self._instead(type_, magic))

    def find_region(self, id_: str) -> str | None:
        """Look for an instance in all regions of the account, in all at once."""
        names = [str(region["RegionName"]) for region in self._session.list_regions()]
        with ThreadPoolExecutor(max(1, len(names))) as at_once:
            known = list(at_once.map(lambda name: self._knows(id_, name), names))
        return next((name for name, knows in zip(names, known, strict=True) if knows), None)

    def _knows(self, id_: str, region: str) -> bool:
        try:
            self._session.query("ec2", "describe_instances", region=region, InstanceIds=[id_])
        except DLMagicsError:
            # One that refuses or does not answer must not hide what another one knows.
            return False
        return True

    def _instead(self, type_: str, magic: str) -> str:
        near = instance_types.nearest_type(type_, self.region)
        if near is None:
            return "%aws_prices shows the types of this region."
        hourly = money.format_per_hour(instance_types.listed_price(near.type, self.region))
        return f"The nearest current type: {magic} {near.type} ({near.gpu_text}, {hourly})"

    def _request_start(self, instance: Instance) -> None:
        try:
            self._session.change_ec2("start_instances", InstanceIds=[instance.id])
        except NoAnswer:
            # It may have been heard all the same; then there is nothing to say.
            if self.describe_instance(instance.id).state == "stopped":
                raise
        except NoCapacity as error:
            raise _no_capacity(instance, self.region) from error

    def _watch(
        self, last: Instance, goals: Collection[State], *, refused: Collection[State] = ()
    ) -> Iterator[Instance]:
        """Yield the instance at each change, until it is in one of `goals`."""
        began = heard = time.monotonic()
        wait, moved = _FIRST_WAIT, False
        while last.state not in goals:
            time.sleep(wait)
            wait = min(wait * 1.3, _LONGEST_WAIT)
            try:
                seen = self.describe_instance(last.id)
            except (NoAnswer, TooManyRequests):
                if time.monotonic() - heard > _SILENT_SECONDS:
                    raise
                continue
            heard = time.monotonic()
            seconds = heard - began
            if seen != replace(last, seen_at=seen.seen_at):
                yield seen
            last, moved = seen, moved or seen.state not in refused
            if moved or seconds > _SETTLING_SECONDS:
                self._check(seen, goals, refused)
            if seconds > _PATIENCE_SECONDS:
                raise NoAnswer(
                    f"{last.name} is still {last.state} after {seconds / 60:.0f} minutes.",
                    fix="%aws_state tells how things stand. Nothing else was changed.",
                )

    def _check(self, seen: Instance, goals: Collection[State], refused: Collection[State]) -> None:
        if seen.state in goals:
            return
        if "terminated" not in goals:
            _refuse_gone(seen)
        if seen.state in refused and "Capacity" in seen.reason:
            raise _no_capacity(seen, self.region)
        if seen.state in refused:
            raise _undone(seen)


def _refuse_gone(instance: Instance) -> None:
    if instance.gone:
        why = f" ({instance.reason})" if instance.reason else ""
        raise NoSuchInstance(
            f"{instance.name} ({instance.id}) was given back: it is {instance.state}{why}.",
            fix=f"%aws_list shows the others · %aws_launch {instance.type} rents a new one.",
        )


def _undone(instance: Instance) -> WrongState:
    if instance.costs_money:
        what, fix = "it was started from elsewhere.", "%aws_stop stops it again."
    else:
        why = f" ({instance.reason})" if instance.reason else ""
        what, fix = f"it was stopped from elsewhere{why}.", "%aws_start starts it again."
    return WrongState(f"{instance.name} is {instance.state}: {what}", fix=fix)


def _no_capacity(instance: Instance, region: str | None) -> NoCapacity:
    near = instance_types.nearest_type(instance.type, region)
    other = near.type if near else "OTHER-TYPE"
    return NoCapacity(
        f"AWS has no {instance.type} left in {instance.zone}.",
        fix="Its disk lives there. Wait and retry: %aws_start --wait 20m · or another type "
        f"on the same disk: %aws_resize {other}",
    )
