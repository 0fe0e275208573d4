"""Give back the space of features and runs that nothing needs now; standard library only."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dl_magics.runs import log
from dl_magics.training.storage import inventory, spaces

# It never leads out of the folder of runs.
_RUN_NAME = re.compile(r"\w[\w.-]*", re.ASCII)


def clear_spaces(names: Sequence[str], home: str = "") -> dict[str, Any]:
    """Delete spaces of the feature store; one that a run needs is kept.

    Returns {"freed": bytes, "kept": names}.
    """
    folder = inventory.find_home(home)
    freed, kept = 0, []
    for name in names:
        space = folder / inventory.FEATURES / name
        if not spaces.is_space_name(name) or not space.is_dir():
            continue
        size = inventory.measure(space)
        if _clear(folder, space):
            freed += size
        else:
            kept.append(name)
    return {"freed": freed, "kept": kept}


def clear_runs(names: Sequence[str], home: str = "") -> dict[str, Any]:
    """Delete the folders of runs; one that trains is kept. Returns as `clear_spaces`."""
    folder = inventory.find_home(home)
    freed, kept = 0, []
    for name in names:
        run = folder / inventory.RUNS / name
        if not _RUN_NAME.fullmatch(name) or run.is_symlink() or not run.is_dir():
            continue
        if log.is_being_written(run):
            kept.append(name)
            continue
        freed += inventory.measure(run)
        shutil.rmtree(run)
    return {"freed": freed, "kept": kept}


def _clear(home: Path, space: Path) -> bool:
    """Delete a space; return False, and leave it as it was, where a run needs it."""
    if _is_needed(home, space):
        return False
    # A run that starts now must not lose what it has just found: it is looked for once more.
    aside = space.with_name(f".{space.name}.{uuid.uuid4().hex}")
    space.rename(aside)
    if _is_needed(home, aside):
        _put_back(aside, space)
        return False
    shutil.rmtree(aside)
    return True


def _is_needed(home: Path, space: Path) -> bool:
    training = inventory.find_training(home)
    starting = inventory.find_starting(home, training)
    return bool(starting or training.intersection(spaces.read_users(space)))


def _put_back(aside: Path, space: Path) -> None:
    """Move the files of a space back, into a new one where a run has begun it meanwhile."""
    space.mkdir(mode=aside.stat().st_mode & 0o777, exist_ok=True)
    for each in aside.iterdir():
        if not (space / each.name).exists():
            each.rename(space / each.name)
    shutil.rmtree(aside)
