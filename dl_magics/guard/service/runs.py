"""Tells from their logs which training runs go on, and asks them for a checkpoint."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from .files import find_paths

FRESH_SECONDS = 120.0
TAIL_BYTES = 65_536
END = b'"run_ended"'


@dataclass
class Log:
    """What is known of the log of a run: its size, when that changed, and whether it ended."""

    size: int
    changed: float
    ended: bool

    def is_going_on(self, now: float) -> bool:
        """Whether an event was logged lately and was not the last one."""
        return not self.ended and now - self.changed <= FRESH_SECONDS


class Runs:
    """Follows the logs of the runs by their sizes, so that the system's clock does not matter."""

    def __init__(self) -> None:
        self._logs: dict[Path, Log] = {}

    def count_going_on(self, patterns: Sequence[str], now: float) -> tuple[int | None, bool | None]:
        """Return how many runs logged an event lately and did not end, and whether one did now.

        Both are None where a log cannot be read.
        """
        paths = [path for pattern in patterns for path in find_paths(pattern)]
        before, self._logs = self._logs, {}
        failed = progress = False
        for path in paths:
            known = before.get(path)
            log = _read_log(path, known, now)
            if log is None:
                failed = True
                continue
            self._logs[path] = log
            progress = progress or (known is not None and log.changed == now and not log.ended)
        going_on = sum(log.is_going_on(now) for log in self._logs.values())
        return (None, progress or None) if failed else (going_on, progress)

    def request_checkpoints(self, name: str, now: float, reason: str, at: float) -> None:
        """Ask each run that goes on to save a checkpoint; `name` is the file that asks for it.

        It says why, and when the instance ends, in seconds since the epoch.
        """
        content = json.dumps({"reason": reason, "at": at}).encode()
        going_on = [path.parent for path, log in self._logs.items() if log.is_going_on(now)]
        for folder in going_on if name else []:
            with contextlib.suppress(OSError):
                owner = folder.stat()
                flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                # The run cannot read it before it is complete.
                number = os.open(str(folder / name), flags, 0o000)
                os.write(number, content)
                os.fchown(number, owner.st_uid, owner.st_gid)
                os.fchmod(number, 0o600)
                os.close(number)


def _read_log(path: Path, known: Log | None, now: float) -> Log | None:
    """Return what is known of a log now; None if it cannot be read."""
    try:
        status = path.stat()
        if known and status.st_size == known.size:
            return known
        if known is None and time.time() - status.st_mtime > FRESH_SECONDS:
            # It was written long ago: not the log of a run that goes on.
            return Log(status.st_size, now, ended=True)
        return Log(status.st_size, now, _has_ended(path))
    except OSError:
        return None


def _has_ended(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
        last = file.read(TAIL_BYTES).rstrip(b"\n").rpartition(b"\n")[2]
    return END in last
