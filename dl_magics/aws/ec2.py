"""EC2 instances: list, describe, start, stop, change the type, terminate."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from dl_magics.aws import instance_types, parsing, state_reasons, volumes
from dl_magics.aws.billing import usage
from dl_magics.aws.pricing import table
from dl_magics.aws.session import AwsSession
from dl_magics.aws.spot import requests as spot_requests
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
_TIMEOUT_SECONDS = 600.0
_SETTLING_SECONDS = 5.0
_NO_ANSWER_SECONDS = 30.0


class Ec2:
    """The instances of one profile and region.

    `start`, `stop` and `terminate` are generators: they yield the instance at each change and end
    when it has reached the requested state.
    """

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self.region = session.region

    def list_instances(self) -> list[Instance]:
        """Return all instances of the account in this region, with the sizes of their disks."""
        reservations, last = self._session.query_pages("ec2", "describe_instances", "Reservations")
        found = parsing.parse_instances({**last, "Reservations": reservations}, self._session)
        with_disks = self.add_disks(found)
        usage.note(self._session, with_disks)
        return with_disks

    def describe_instance(self, id_: str) -> Instance:
        """Return the instance with this id; raise NoSuchInstance if AWS does not have it."""
        answer = self._session.query("ec2", "describe_instances", InstanceIds=[id_])
        found = parsing.parse_instances(answer, self._session)
        if not found:
            raise NoSuchInstance(
                f"Instance {id_} no longer exists.", fix="%aws_list shows your instances."
            )
        usage.note(self._session, found)
        return found[0]

    def add_disks(self, instances: list[Instance]) -> list[Instance]:
        """Return the instances with all their disks and what these cost."""
        return volumes.add_disks(self._session, instances)

    def start(self, instance: Instance) -> Iterator[Instance]:
        """Start an instance with at most one request; one that is starting is only watched.

        Raises NoCapacity if its zone has none for its type, WrongState if another client stops it
        meanwhile, NoAnswer if it is not running after ten minutes.
        """
        yield instance
        _check_exists(instance)
        if instance.state == "stopping":
            # Another client may start it between two requests.
            for seen in self._watch(instance, {"stopped", "pending", "running"}):
                instance = seen
                yield seen
        if instance.state == "stopped":
            yield from spot_requests.until_startable(self._session, instance)
            self._request_start(instance)
        yield from self._watch(instance, {"running"}, refused={"stopping", "stopped"})

    def stop(self, instance: Instance) -> Iterator[Instance]:
        """Stop an instance; a pending one is stopped as soon as EC2 allows it."""
        yield instance
        _check_exists(instance)
        volumes.check_stoppable(instance)
        if instance.costs_money:
            spot_requests.check_stoppable(self._session, instance)
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
        """Terminate an instance, which deletes its disk; the request of a spot instance first."""
        yield instance
        spot_requests.cancel_for(self._session, instance)
        if instance.state != "terminated":
            self._session.change_ec2("terminate_instances", InstanceIds=[instance.id])
            yield from self._watch(instance, {"terminated"})

    def list_zones(self, type_: str) -> list[str]:
        """Return the zones of this region that offer a type; none if AWS does not know it."""
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
        """Raise NoSuchType if the zone or region does not offer `type_`; suggest the nearest."""
        zones = self.list_zones(type_)
        if zones and (not zone or zone in zones):
            return
        location = zone if zones else self.region
        retired = instance_types.known_types().get(type_)
        why = (
            "is retired: it is no longer available"
            if retired and retired.retired
            else "is not available"
        )
        raise NoSuchType(f"{type_} {why} in {location}.", fix=self._suggest(type_, magic))

    def find_region(self, id_: str) -> str | None:
        """Return the region of the account that has an instance, or None; queries all at once."""
        names = [str(region["RegionName"]) for region in self._session.list_regions()]
        with ThreadPoolExecutor(max(1, len(names))) as executor:
            found = list(executor.map(lambda name: self._has_instance(id_, name), names))
        return next((name for name, has_it in zip(names, found, strict=True) if has_it), None)

    def _has_instance(self, id_: str, region: str) -> bool:
        try:
            self._session.query("ec2", "describe_instances", region=region, InstanceIds=[id_])
        except DLMagicsError:
            # A region that refuses or does not answer must not hide the result of another.
            return False
        return True

    def _suggest(self, type_: str, magic: str) -> str:
        near = instance_types.nearest_type(type_, self.region)
        if near is None:
            return "%aws_prices shows the types of this region."
        hourly = money.describe_price(table.instance_price(near.type, self.region))
        return f"The nearest current type: {magic} {near.type} ({near.gpu_text}, {hourly})"

    def _request_start(self, instance: Instance) -> None:
        try:
            self._session.change_ec2("start_instances", InstanceIds=[instance.id])
        except NoAnswer:
            # AWS may have received the request all the same.
            if self.describe_instance(instance.id).state == "stopped":
                raise
        except NoCapacity as error:
            if instance.spot:
                raise
            raise _make_capacity_error(instance, self.region) from error

    def _watch(
        self, last: Instance, goals: Collection[State], *, refused: Collection[State] = ()
    ) -> Iterator[Instance]:
        """Yield the instance at each change, until its state is one of `goals`.

        A state in `refused`, after the change began, means that another client or EC2 reverted it.
        """
        began = answered = time.monotonic()
        wait, moved = _FIRST_WAIT, False
        while last.state not in goals:
            time.sleep(wait)
            wait = min(wait * 1.3, _LONGEST_WAIT)
            try:
                seen = self.describe_instance(last.id)
            except (NoAnswer, TooManyRequests, NoSuchInstance) as error:
                is_lost = isinstance(error, NoSuchInstance) and last.state != "pending"
                if is_lost or time.monotonic() - answered > _NO_ANSWER_SECONDS:
                    raise
                continue
            seconds = (answered := time.monotonic()) - began
            if seen != replace(last, seen_at=seen.seen_at):
                yield seen
            last, moved = seen, moved or seen.state not in refused
            if moved or seconds > _SETTLING_SECONDS:
                self._check(seen, goals, refused)
            if seconds > _TIMEOUT_SECONDS:
                raise NoAnswer(
                    f"{last.name} is still {last.state} after {seconds / 60:.0f} minutes.",
                    fix=f"%aws_state {last.id} shows its current state. Nothing else was changed.",
                )

    def _check(self, seen: Instance, goals: Collection[State], refused: Collection[State]) -> None:
        if seen.state in goals:
            return
        if "terminated" not in goals:
            _check_exists(seen)
        if seen.state in refused:
            if "Capacity" in seen.reason:
                raise _make_capacity_error(seen, self.region)
            raise _make_reverted_error(seen)


def _check_exists(instance: Instance) -> None:
    if instance.gone:
        why = f" ({instance.reason})" if instance.reason else ""
        raise NoSuchInstance(
            f"{instance.name} ({instance.id}) no longer exists: it is {instance.state}{why}.",
            fix=f"%aws_list shows your instances · %aws_launch {instance.type} launches a new one.",
        )


def _make_reverted_error(instance: Instance) -> WrongState:
    if instance.costs_money:
        what, fix = "another client started it.", f"%aws_stop {instance.id} stops it again."
    elif fix := state_reasons.find_fix(instance.reason, instance.id):
        what = f"EC2 stopped it ({instance.reason})."
    else:
        why = f" ({instance.reason})" if instance.reason else ""
        what = f"another client or EC2 stopped it{why}."
        fix = f"%aws_start {instance.id} starts it again."
    return WrongState(f"{instance.name} is {instance.state}: {what}", fix=fix)


def _make_capacity_error(instance: Instance, region: str | None) -> NoCapacity:
    near = instance_types.nearest_type(instance.type, region)
    other = near.type if near and instance.architecture == "x86_64" else "OTHER-TYPE"
    return NoCapacity(
        f"AWS has no capacity for {instance.type} in {instance.zone}.",
        fix=f"Its disk is in that zone. Wait and retry: %aws_start {instance.id} --wait 20m · or "
        f"change the type: %aws_resize {other} {instance.id}",
    )
