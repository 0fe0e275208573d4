"""What the features, runs, weights and models of one computer occupy, as JSON values.

Standard library only: it also runs on a host, in a process of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dl_magics.runs import log, remote_origin
from dl_magics.training.storage import spaces

FEATURES, RUNS, WEIGHTS, MODELS = "features", "runs", "weights", "models"
_HOST_HOME = "~/.dl_magics"


def list_occupied(home: str = "") -> dict[str, Any]:
    """Return what is in the data folder of dl_magics; "" is that of a host.

    The values are those of `dl_magics.actions.features.storage`.
    """
    folder = find_home(home)
    training = find_training(folder)
    is_starting = bool(find_starting(folder, training))
    return {
        "spaces": [
            _describe_space(folder, space, training, is_starting=is_starting)
            for space in _folders(folder / FEATURES)
            if spaces.is_space_name(space.name)
        ],
        "runs": [_describe_run(run) for run in _folders(folder / RUNS)],
        "weights": measure(folder / WEIGHTS),
        "models": measure(folder / MODELS),
        "free": shutil.disk_usage(folder if folder.exists() else Path.home()).free,
    }


def find_home(home: str) -> Path:
    """Return the data folder of dl_magics: the one that is named, or that of a host."""
    return Path(home or _HOST_HOME).expanduser()


def find_training(home: Path) -> set[str]:
    """Return the names of the runs that train on this computer now."""
    return {each.name for each in _folders(home / RUNS) if _trains_here(each)}


def find_starting(home: Path, training: set[str]) -> set[str]:
    """Return those of the training runs that have not chosen a space yet: it may be any."""
    known = {user for space in _folders(home / FEATURES) for user in spaces.read_users(space)}
    return training - known


def measure(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(_stat(file)[0] for file in folder.rglob("*"))


def _trains_here(run: Path) -> bool:
    # This computer only copies the events of a run that leads to a host.
    return log.is_being_written(run) and not (run / remote_origin.FILE_NAME).exists()


def _describe_space(
    home: Path, space: Path, training: set[str], *, is_starting: bool
) -> dict[str, Any]:
    users = spaces.read_users(space)
    known = spaces.read_description(space)
    text = {name: str(known.get(name, "")) for name in ("model", "image_size", "precision", "cut")}
    if "convolution" in known:
        text["precision"] += ", Winograd"
    return {
        "name": space.name,
        **text,
        "size": measure(space),
        "used_at": max((_stat(each)[1] for each in space.iterdir()), default=0.0),
        "runs": [each for each in users if (home / RUNS / each).is_dir()],
        "is_needed": is_starting or bool(training.intersection(users)),
    }


def _describe_run(run: Path) -> dict[str, Any]:
    # Its recipe is read where the list is shown; the name holds the model, too.
    return {
        "name": run.name,
        "size": measure(run),
        "used_at": max((_stat(each)[1] for each in run.iterdir()), default=0.0),
        "is_training": _trains_here(run),
    }


def _folders(parent: Path) -> Iterator[Path]:
    try:
        listed = sorted(parent.iterdir())
    except OSError:  # there is none yet
        return
    yield from (each for each in listed if each.is_dir() and not each.is_symlink())


def _stat(file: Path) -> tuple[int, float]:
    try:
        found = file.lstat()
    except OSError:  # it was removed meanwhile
        return 0, 0.0
    return found.st_size, found.st_mtime
