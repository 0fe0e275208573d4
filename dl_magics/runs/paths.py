"""The folders of runs: what a run reads and writes, and which of them is the newest."""

from __future__ import annotations

import calendar
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dl_magics.runs import log

_TIME_IN_NAME = "%Y-%m-%d_%H%M%S"
_TIME_LENGTH = len("2026-11-22_235400")
# Offsets from UTC are multiples of it, from 12 hours behind to 14 hours ahead.
_QUARTER = 900
_LEAST_OFFSET, _MOST_OFFSET = -12 * 3600, 14 * 3600


@dataclass(frozen=True)
class RunPaths:
    """The folder of one run, and the two that all runs of a computer share.

    `run` holds the log, the recipe, the checkpoint and the model; `features` the features that the
    frozen part computed; `weights` pretrained weights.
    """

    run: Path
    features: Path
    weights: Path


def list_newest_first(parent: Path) -> list[Path]:
    """Return the folders of the runs in a folder, the newest first, by when they started.

    Their names have the local time: after a flight to the west, and in the hour that comes twice in
    autumn, a later run has a smaller name.
    """
    found = (folder for folder in parent.iterdir() if is_run(folder))
    return sorted(found, key=lambda folder: (_find_start(folder), folder.name), reverse=True)


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / log.FILE_NAME).is_file()


def _find_start(folder: Path) -> float:
    """Return when a run was started, in seconds since the epoch."""
    try:
        found = (folder / log.FILE_NAME).stat()
        return _compute_start(folder, found.st_ino, bool(found.st_size))
    except OSError:  # it was deleted meanwhile
        return 0.0


@lru_cache(maxsize=8192)
def _compute_start(folder: Path, _inode: int, _has_begun: bool) -> float:
    logged = log.read_start(folder)
    try:
        named = time.strptime(folder.name[:_TIME_LENGTH], _TIME_IN_NAME)
        # The log may be by the clock of a host. It only says in which time zone the name is.
        offset = round((calendar.timegm(named) - logged) / _QUARTER) * _QUARTER
        is_offset = _LEAST_OFFSET <= offset <= _MOST_OFFSET
        return calendar.timegm(named) - offset if is_offset else time.mktime(named)
    except (ValueError, OverflowError):  # it was renamed
        return logged
