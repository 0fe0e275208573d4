"""Split a data set: the plan as a table, then the folders, and their removal."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dl_magics.actions.data import received
from dl_magics.actions.data.place import DataPlace
from dl_magics.core import table
from dl_magics.data.splitting.plan import SplitSettings
from dl_magics.errors import BadSetting
from dl_magics.text import escape_controls
from dl_magics.training.checks import data_requests

_MOST_ROWS = 40
_MOST_NAMED = 3

Progress = Callable[[int, int], None]


class Split:
    """A planned split of a data set into `folder`; shown as a table by class and part."""

    def __init__(self, named: str, folder: str, planned: Mapping[str, Any], host: str = "") -> None:
        self.named = named
        self.folder = folder
        self.planned = planned
        self.host = host

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """The number of images of each part and class."""
        return {part: dict(sizes) for part, sizes in self.planned["counts"].items()}

    def _table(self) -> tuple[str, list[str], list[list[str]]]:
        counts = self.counts
        names = sorted({name for sizes in counts.values() for name in sizes})
        rows = [
            [name, *(f"{sizes.get(name, 0):,}" for sizes in counts.values())]
            for name in names[:_MOST_ROWS]
        ]
        if len(names) > _MOST_ROWS:
            rows.append([f"{len(names) - _MOST_ROWS:,} more", *("" for _ in counts)])
        rows.append(["all", *(f"{sum(sizes.values()):,}" for sizes in counts.values())])
        rows = [[escape_controls(cell) for cell in row] for row in rows]
        return "\n".join(self._notes()), ["class", *counts], rows

    def _notes(self) -> list[str]:
        where = f"{self.host}:" if self.host else ""
        lines = [f"{self.named} into {where}{self.folder}"]
        if together := self.planned["together"]:
            lines.append(f"{together:,} images are kept beside those that they belong to.")
        unused = self.planned["unused"] or {}
        if unused:
            some = ", ".join(f"{name} ({why})" for name, why in list(unused.items())[:_MOST_NAMED])
            more = ", …" if len(unused) > _MOST_NAMED else ""
            files = "1 file is" if len(unused) == 1 else f"{len(unused):,} files are"
            lines.append(f"{files} left out: {some}{more}")
        return [escape_controls(line) for line in lines]

    def __repr__(self) -> str:
        return table.format_text(*self._table())

    def _repr_html_(self) -> str:
        return table.format_html(*self._table())


def plan_split(
    place: DataPlace, destination: str, settings: SplitSettings, progress: Progress | None = None
) -> Split:
    """Return how a data set would be split."""
    folder = destination or _name_beside(place.named)
    planned = place.call(
        data_requests.plan_split,
        path=place.path,
        destination=place.name_there(folder),
        settings=asdict(settings),
        progress=progress,
    )
    _require_plan(planned)
    return Split(place.named, folder, planned, place.host)


def write_split(place: DataPlace, split: Split, *, copy: bool) -> str:
    """Create the folders of a split; return a sentence."""
    written = place.call(data_requests.write_split, planned=dict(split.planned), copy=copy)
    made = [
        f"{n:,} {what}"
        for n, what in ((written["links"], "hard links"), (written["copies"], "copies"))
        if n
    ]
    undo = f"%split_data --undo {shlex.quote(split.folder)} removes them."
    if not made:
        return f"Nothing to do: {split.folder} has this split already. {undo}"
    return f"Created {' and '.join(made)} in {split.folder}. {undo}"


def remove_split(place: DataPlace) -> str:
    """Remove the files that a split created; return a sentence."""
    removed = place.call(data_requests.remove_split, path=place.path)
    text = f"Removed {removed['count']:,} files that %split_data created in {place.named}."
    kept = list(removed["kept"])
    if kept:
        some = ", ".join(kept[:_MOST_NAMED]) + (", …" if len(kept) > _MOST_NAMED else "")
        text += f"\nKept {len(kept):,} that are not the same as their original: {some}"
    return text


def _name_beside(named: str) -> str:
    """Return the name of a new folder beside a data set."""
    if Path(named).name in ("", "..") or named.endswith("/."):
        raise BadSetting(
            f"'{named}' has no name that the new folder could be named after.",
            fix="Name the new folder: --to ../pets-split",
        )
    return f"{named.rstrip('/')}-split"


def _require_plan(planned: Any) -> None:
    """Raise NoAnswer where a host sent no plan."""
    try:
        texts = [planned["source"], planned["destination"], *planned["files"].values()]
        counts = [n for sizes in planned["counts"].values() for n in sizes.values()]
        unused = (planned["unused"] or {}).items()
        is_plan = all(isinstance(each, str) for each in (*texts, *dict(unused).values())) and all(
            type(each) is int for each in (*counts, planned["together"])
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise received.invalid_answer(error) from error
    if not is_plan:
        raise received.invalid_answer("it is no plan of a split")
