"""The log of a run, `events.jsonl`: append-only, flushed line by line, the only truth."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from dl_magics.errors import DamagedRun, NotResumable
from dl_magics.runs.events import Event, format_line, parse_event

FILE_NAME = "events.jsonl"

_SECONDS_TO_WAIT = 1.0
_SECONDS_BETWEEN_TRIES = 0.02


class LogWriter:
    """Writes the log of one run; while it is open, `goes_on` says so to every process.

    A last line that was torn, by a kill or a full disk, is cut off: nobody ever read it.

    Raises
    ------
    NotResumable
        where another process writes this log.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / FILE_NAME).open("ab+")
        # Who asks whether a run goes on holds its lock for a moment.
        until = time.monotonic() + _SECONDS_TO_WAIT
        while not _lock(self._file.fileno()):
            if time.monotonic() > until:
                self._file.close()
                raise NotResumable(
                    f"The run {folder.name} goes on already, in another process.",
                    fix=f"See it: %attach {folder.name}",
                )
            time.sleep(_SECONDS_BETWEEN_TRIES)
        self._cut_torn_line()

    def append(self, event: Event) -> None:
        """Write one event, whole, and let everyone see it."""
        self._file.write(format_line(event).encode())
        self._file.flush()

    def _cut_torn_line(self) -> None:
        self._file.seek(0)
        data = self._file.read()
        self._file.truncate(data.rfind(b"\n") + 1)
        self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def read_events(folder: Path, since: int = 0) -> Iterator[Event]:
    """Yield the events of a run whose `n` is above `since`; a line not yet whole is left out.

    Raises
    ------
    DamagedRun
        where a whole line is not an event.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return
    for at, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        if at <= since:
            continue
        try:
            yield parse_event(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedRun(
                f"Line {at} of {path} is no event: {line[:60].decode('utf-8', 'replace')}",
                fix="Move the folder of this run away; the other runs are not touched.",
            ) from error


def is_being_written(folder: Path) -> bool:
    """Tell whether a process is still writing the log; a killed one is not."""
    path = folder / FILE_NAME
    if not path.is_file():
        return False
    with path.open("rb+") as file:
        return _is_locked(file.fileno())


if sys.platform == "win32":
    import msvcrt

    # Windows refuses to read a locked byte: take one that no log ever reaches.
    _FAR = 2**40

    def _lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _is_locked(descriptor: int) -> bool:
        return not _lock(descriptor)

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _is_locked(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False
