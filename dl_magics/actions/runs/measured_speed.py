"""How fast earlier runs were on the same kind of host, from their logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from dl_magics.actions.runs import runs
from dl_magics.errors import DLMagicsError
from dl_magics.runs.events import Event, PhaseStarted
from dl_magics.runs.state import RunState
from dl_magics.training.recipe.recipe import Recipe

_MOST_RUNS = 50
# Fewer images say nothing: the first batch takes longer than the others.
_FEWEST_IMAGES = 20


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds that a run took: for its start, an image, an image in an epoch of the head, its end.

    `unfrozen_image` is an image in an epoch in which layers of the network were trained. None where
    the run did not do that, or where only one of it and of the recipe computes images in each
    epoch. `device` and `devices` are what computed it, and how many.
    """

    run: str
    start: float
    image: float | None
    epoch_image: float | None
    end: float
    unfrozen_image: float | None = None
    device: str = ""
    devices: int = 1


Speeds = Mapping[str, Sequence[Speed]]


def describe_kind(host: Mapping[str, Any]) -> str:
    """Return by what the speeds of a host are known: its type, "" for this computer.

    A host that is no instance is known by its own name.
    """
    return str(host.get("type") or ("" if host.get("local") else host.get("id") or ""))


def read_speeds(recipe: Recipe) -> Speeds:
    """Return the speeds of the newest runs of this network, by the kind of their host."""
    found: dict[str, list[Speed]] = {}
    for run in islice(runs.list_local_runs(), _MOST_RUNS):
        with suppress(DLMagicsError):
            state = run.record.refresh()
            if _is_alike(state, recipe):
                speed = _measure(run.name, state, run.record.events, recipe)
                found.setdefault(describe_kind(state.host), []).append(speed)
    return found


def choose_alike(speeds: Sequence[Speed], devices: int | None = None) -> list[Speed]:
    """Return those that were measured on as many devices, of the kind of the newest of them.

    Without `devices`, it is as many as the newest one.
    """
    alike = [each for each in speeds if devices in (None, each.devices)]
    newest = alike[:1]
    return [
        each
        for each in alike
        if (each.device, each.devices) == (newest[0].device, newest[0].devices)
    ]


def _is_alike(state: RunState, recipe: Recipe) -> bool:
    same = ("model", "image_size", "backend", "mixed_precision")
    wanted = recipe.to_json()
    return bool(state.seconds) and all(state.recipe.get(name) == wanted[name] for name in same)


def _measure(name: str, state: RunState, events: tuple[Event, ...], recipe: Recipe) -> Speed:
    began = [each for each in events if isinstance(each, PhaseStarted) and each.unit == "images"]
    computed = began[0].total - began[0].kept if began else 0
    seconds = state.seconds
    images = sum(state.counts["train"].values())
    alike = bool(state.recipe.get("augment_function")) == bool(recipe.augment_function)
    same = all(
        state.recipe.get(each) == getattr(recipe, each) for each in ("unfreeze", "lora_rank")
    )

    def per_image(phase: str) -> float | None:
        if not alike:
            return None
        trained = images * sum(each["phase"] == phase for each in state.epochs)
        return seconds.get(phase, 0.0) / trained if trained else None

    return Speed(
        name,
        seconds.get("start", 0.0),
        seconds.get("features", 0.0) / computed if computed >= _FEWEST_IMAGES else None,
        per_image("head"),
        seconds.get("evaluate", 0.0),
        per_image("unfrozen") if same else None,
        state.device,
        int(state.compute.get("devices", 1)),
    )
