"""The journal of what a person decided about images: `.cleaning/cleaning.jsonl` of the data set.

A hidden folder is no class and is read by no training. A line is written before its file is moved,
and a step counts only where the file is at its new place: if a step is interrupted, what is on
the disk decides.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dl_magics.core import json_checks

FOLDER = ".cleaning"
ACTIONS = ("keep", "relabel", "quarantine")
_FILE = "cleaning.jsonl"
_UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Step:
    """What was decided about the image `path`; `to` is where it is now, "" where it stayed.

    Paths are below the folder of the data set, with slashes.
    """

    n: int
    action: str
    path: str
    to: str = ""


def append_step(top: Path, action: str, path: str, to: str = "") -> Step:
    """Write a step, flushed to the disk, and return it."""
    lines = list(_read_lines(top))
    step = Step(len(lines) + 1, action, path, to)
    _append(top, asdict(step))
    return step


def append_undo(top: Path, step: Step) -> None:
    """Write that a step was undone."""
    _append(top, {"n": sum(1 for _ in _read_lines(top)) + 1, "action": _UNDO, "step": step.n})


def read_steps(top: Path) -> list[Step]:
    """Return the steps that count, oldest first: not undone, and their file is where it went."""
    steps: dict[int, Step] = {}
    for n, line in enumerate(_read_lines(top), start=1):
        if line is None:
            continue
        if line.get("action") == _UNDO:
            undone = line.get("step")
            steps.pop(undone if isinstance(undone, int) else 0, None)
        elif step := _parse(n, line):
            steps[n] = step
    return [each for each in steps.values() if not each.to or os.path.lexists(top / each.to)]


def _append(top: Path, values: dict[str, Any]) -> None:
    folder = top / FOLDER
    folder.mkdir(exist_ok=True)
    with (folder / _FILE).open("ab+") as file:
        # A line that a killed process left unfinished does not spoil the next one.
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(values).encode("ascii") + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _read_lines(top: Path) -> Iterator[dict[str, Any] | None]:
    """Yield each line; None for one that is not an object."""
    path = top / FOLDER / _FILE
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        yield values if isinstance(values, dict) else None


def _parse(n: int, values: dict[str, Any]) -> Step | None:
    try:
        if values["action"] not in ACTIONS:
            return None
        to = values["to"] and json_checks.read_relative_path(values["to"])
        return Step(n, values["action"], json_checks.read_relative_path(values["path"]), to)
    except (KeyError, ValueError):
        return None
