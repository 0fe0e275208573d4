"""What the feature store and the runs occupy, as values and as a table."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from dl_magics.actions.runs.run_table import format_size
from dl_magics.core import table
from dl_magics.text import escape_controls

HERE = "this computer"
_HEADS = ("what", "of", "size", "last used", "used by", "where")
_DAY, _HOUR = 86_400, 3600
_MOST_NAMES = 3
# A run is named by its time, model and data: 2026-11-22_235400_vgg16_dogscats.
_RUN_NAME = re.compile(r"\d{4}-\d\d-\d\d_\d{6}_([^_]+)")


@dataclass(frozen=True, slots=True)
class FeatureSpace:
    """The features of one network: `runs` have used it, `is_needed` by one that goes on.

    `used_at` is in seconds since the epoch.
    """

    name: str
    model: str
    image_size: str
    precision: str
    cut: str
    size: int
    used_at: float
    runs: tuple[str, ...]
    is_needed: bool

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the space of values that another computer sent; they are only shown."""
        known = {each.name: values[each.name] for each in fields(cls)}
        return cls(**{**known, "runs": tuple(map(str, known["runs"]))})

    @property
    def subject(self) -> str:
        """Of which network: `VGG16, 224 px`."""
        size = f"{self.image_size} px" if self.image_size else ""
        named = (self.model or "unknown", size, self.precision, self.cut)
        return ", ".join(filter(None, named))


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of a run; its model holds the whole network."""

    name: str
    size: int
    used_at: float
    is_training: bool

    @property
    def model(self) -> str:
        """The model, as the name of the run tells it."""
        found = _RUN_NAME.match(self.name)
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Occupied:
    """What is occupied on one computer: `where` is its name, `free` the bytes left on its disk."""

    where: str
    spaces: tuple[FeatureSpace, ...]
    runs: tuple[RunFolder, ...]
    weights: int
    models: int
    free: int

    @classmethod
    def from_json(cls, where: str, values: Mapping[str, Any]) -> Self:
        """Return what `inventory.list_occupied` found on a computer."""
        return cls(
            where,
            tuple(map(FeatureSpace.from_json, values["spaces"])),
            tuple(RunFolder(**each) for each in values["runs"]),
            int(values["weights"]),
            int(values["models"]),
            int(values["free"]),
        )

    @property
    def title(self) -> str:
        """The sums."""
        parts = {
            "features": sum(each.size for each in self.spaces),
            "runs": sum(each.size for each in self.runs),
            "weights": self.weights,
            "models of your own": self.models,
        }
        listed = ", ".join(f"{name} {format_size(size)}" for name, size in parts.items())
        return f"On {self.where}: {listed}; {format_size(self.free)} are free."


@dataclass(frozen=True, slots=True)
class Storage:
    """What is occupied here and on the connected host."""

    places: tuple[Occupied, ...]

    def rows(self, now: float) -> list[tuple[str, ...]]:
        """Return the rows of the table: spaces, then the runs of each model; largest first."""
        rows = [row for place in self.places for row in _rows(place, now)]
        return [tuple(map(escape_controls, row)) for row in rows]

    @property
    def title(self) -> str:
        """The sums of each place, and what gives space back."""
        lines = [each.title for each in self.places]
        lines.append(
            "%features --clear deletes features, which are computed again when a run needs them · "
            "%runs --delete NAME deletes a run: each holds a whole network."
        )
        return escape_controls("\n".join(lines), keep="\n")

    def __repr__(self) -> str:
        return table.format_text(self.title, _HEADS, self.rows(time.time()))

    def _repr_html_(self) -> str:
        return table.format_html(self.title, _HEADS, self.rows(time.time()))


def describe_age(seconds: float) -> str:
    """Return how long ago something was: `3 days ago`."""
    for name, unit in (("day", _DAY), ("hour", _HOUR)):
        if (count := int(seconds // unit)) >= 1:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "less than an hour ago"


def _rows(place: Occupied, now: float) -> Iterator[tuple[str, ...]]:
    for space in sorted(place.spaces, key=lambda each: -each.size):
        yield (
            "features",
            space.subject,
            format_size(space.size),
            describe_age(now - space.used_at),
            _name_users(space),
            place.where,
        )
    models: dict[str, list[RunFolder]] = {}
    for run in place.runs:
        models.setdefault(run.model, []).append(run)
    for model, runs in sorted(models.items(), key=lambda each: -sum(run.size for run in each[1])):
        yield (
            f"{len(runs):,} {'run' if len(runs) == 1 else 'runs'}",
            model,
            format_size(sum(run.size for run in runs)),
            describe_age(now - max(run.used_at for run in runs)),
            "training now" if any(run.is_training for run in runs) else "",
            place.where,
        )


def _name_users(space: FeatureSpace) -> str:
    names = ", ".join(space.runs[-_MOST_NAMES:])
    more = len(space.runs) - _MOST_NAMES
    listed = f"{names} and {more:,} more" if more > 0 else names or "no run that is left"
    return f"{listed} (needed now)" if space.is_needed else listed
