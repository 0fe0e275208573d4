"""The instances as browsers get them: what AWS said last, and what the server does with them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from dl_magics.actions.aws.billing import bill
from dl_magics.actions.aws.panel.place import Place
from dl_magics.core.instance import Instance, Instances
from dl_magics.errors import DLMagicsError
from dl_magics.server import cells
from dl_magics.server.json_values import describe_error
from dl_magics.server.monitors.guard_view import GuardView

_CHANGING = ("pending", "stopping", "shutting-down")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What the server does with an instance: `message` is the last state that it has seen."""

    id: str
    verb: str
    cell: str
    where: str
    message: str = ""
    began_at: float = field(default_factory=time.time)

    def to_json(self) -> dict[str, Any]:
        """Return values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The instances of a place; with an error they are the last known ones.

    `unfinished` has the new type of those that were stopped for it and not started again, by id,
    `guards` what the guards said that were asked.
    """

    place: Place
    each: tuple[Instance, ...] = ()
    actions: tuple[Action, ...] = ()
    unfinished: Mapping[str, str] = field(default_factory=dict)
    guards: Mapping[str, GuardView] = field(default_factory=dict)
    error: DLMagicsError | None = None

    @property
    def is_changing(self) -> bool:
        """Whether a state will change without a further request."""
        return any(each.state in _CHANGING for each in self.each) or bool(self.actions)

    @property
    def costs_money(self) -> bool:
        """Whether an instance is billed by the second."""
        return any(each.costs_money for each in self.each)

    def update(self, seen: Iterable[Instance]) -> Listing:
        """Return the listing with these instances; an older view of one changes nothing."""
        known = {each.id: each for each in self.each}
        for each in seen:
            known[each.id] = _merge(known.get(each.id), each)
        return replace(self, each=tuple(_sort(known.values())))

    def replace_all(self, seen: Iterable[Instance]) -> Listing:
        """Return the listing with these instances only."""
        known = {each.id: each for each in self.each}
        merged = (_merge(known.get(each.id), each) for each in seen)
        return replace(self, each=tuple(_sort(merged)), error=None)

    def describe_instance(self, instance: Instance) -> dict[str, Any]:
        """Return an instance with what is computed from it."""
        guard = self.guards.get(instance.id) if instance.state == "running" else None
        return {
            **instance.to_json(),
            "costs_money": instance.costs_money,
            "gone": instance.gone,
            "seconds": instance.seconds,
            "disk_gib": instance.disk_gib,
            "dollars": instance.dollars,
            "dollars_per_month": instance.dollars_per_month,
            "month_dollars": bill.read_month(instance),
            "practice": self.place.practice,
            "unfinished": self.describe_unfinished(instance),
            "guard": guard.to_json() if guard else None,
            "cells": cells.instance_cells(instance),
        }

    def describe_unfinished(self, instance: Instance) -> dict[str, str] | None:
        """Return the change of type that was cut off between the stop and the start, if any."""
        if not (type_ := self.unfinished.get(instance.id)):
            return None
        now = f"it has the new type, and is {instance.state}"
        if instance.type != type_:
            now = f"it is {instance.state}, and still is a {instance.type}"
        message = f"The change of {instance.name} to {type_} was interrupted: {now}."
        return {"type": type_, "message": message}

    def to_json(self) -> dict[str, Any]:
        """Return the keys of the contract's `Listing`, without `age`."""
        return {
            "place": describe_place(self.place),
            "summary": Instances(self.place.profile_and_region, self.each).summary,
            "instances": [self.describe_instance(each) for each in self.each],
            "actions": [each.to_json() for each in self.actions],
            "error": describe_error(self.error) if self.error else None,
        }

    def fingerprint(self) -> tuple[object, ...]:
        """Return a value that is equal as long as nothing changes that a person would notice."""
        each = tuple(replace(instance, seen_at=0.0) for instance in self.each)
        error = tuple(describe_error(self.error).values()) if self.error else ()
        guards = tuple((id_, tuple(view.to_json().items())) for id_, view in self.guards.items())
        return (self.place, each, self.actions, dict(self.unfinished), guards, error)


def describe_place(shown: Place) -> dict[str, Any]:
    """Return the keys of the contract's `Place`."""
    return {**shown.to_json(), "cell": cells.place_cell(shown)}


def _merge(known: Instance | None, seen: Instance) -> Instance:
    """Return the newer of two views of an instance, with what only the other one knows."""
    if known is None:
        return seen
    newer, older = (known, seen) if known.seen_at > seen.seen_at else (seen, known)
    same_start = (newer.state, newer.launched_at, newer.ip) == (
        older.state,
        older.launched_at,
        older.ip,
    )
    newer = replace(newer, answers=newer.answers or (older.answers and same_start))
    if newer.dollars_per_hour is None and newer.type == older.type:
        newer = replace(newer, dollars_per_hour=older.dollars_per_hour, price_day=older.price_day)
    if not newer.disks and not newer.gone:
        newer = replace(
            newer, disks=older.disks, disk_dollars=older.disk_dollars, disk_day=older.disk_day
        )
    return newer


def _sort(instances: Iterable[Instance]) -> Iterator[Instance]:
    return iter(sorted(instances, key=lambda each: (each.gone, each.name, each.id)))
