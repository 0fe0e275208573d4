"""On which other instances a long run would be cheaper or faster: one of another type, or many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dl_magics.actions.runs.measured_speed import Speeds
from dl_magics.actions.runs.scaling import crew_sizes, options, other_types
from dl_magics.actions.runs.scaling.crew_sizes import HEADS
from dl_magics.actions.runs.scaling.options import Photos
from dl_magics.core import money
from dl_magics.training.recipe.recipe import Recipe

# Of a shorter run, the start of another instance takes more than it saves.
_LONG = 600


@dataclass(frozen=True, slots=True)
class Proposal:
    """Lines, and the rows of a table with the heads `HEADS`."""

    lines: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)


NONE = Proposal()


def propose(
    recipe: Recipe,
    photos: Photos,
    speeds: Speeds,
    host: Mapping[str, Any],
    *,
    seconds: float,
    serial: float,
) -> Proposal:
    """Return what to rent for a run that takes up to so many seconds where it would train.

    `serial` are those beside the features; `host` is where it would train, as its events say it.
    """
    if recipe.trains_network or recipe.backend == "theano":
        # What is unfrozen takes unlike long on each type; Theano computes on one instance.
        return NONE
    if seconds < _LONG:
        short = money.format_duration(_LONG)
        return Proposal((f"workers: not needed, as the run takes less than {short}",))
    region = options.find_region()
    types = {each.type: each for each in options.list_rented_types(recipe, speeds, region)}
    if not types:
        return NONE
    alone = other_types.compute_options(list(types.values()), photos, serial)
    line = other_types.propose_types(alone, region, str(host.get("type", "")))
    named = str(host.get("each_type", ""))
    type_ = named if named in types else other_types.find_cheapest(alone)
    now = int(host.get("count", 0)) if named == type_ else 0
    sizes = crew_sizes.compute_sizes(types[type_], alone[type_], photos, serial, now=now)
    return Proposal((line, *sizes.lines), HEADS, sizes.rows)
