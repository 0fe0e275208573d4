"""The log of a run, `events.jsonl`: append-only, one event a line, flushed after each line.

All that is known of a run is derived from its log.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from dl_magics.errors import DamagedRun, NotResumable
from dl_magics.runs.events import Event, format_line, parse_line, report_invalid
from dl_magics.runs.write_errors import explain_no_locks, translating_write_errors
from dl_magics.store import private

FILE_NAME = "events.jsonl"
MAX_BYTES = 2**30
"""The largest log: that of a week with an event each quarter of a second has a third of it."""

_LONGEST_LINE = 2**26
_BLOCK = 64 * 1024
_SECONDS_TO_WAIT = 1.0
_SECONDS_BETWEEN_TRIES = 0.02


class LogWriter:
    """Appends to the log of one run; while it is open, `is_being_written` is true in any process.

    An incomplete last line, left by a kill or a full disk, is cut off; readers never return it.

    Raises
    ------
    NotResumable
        where another process writes this log.
    DamagedRun
        where the log would become larger than `MAX_BYTES`: its events come without an end.
    DiskFull, NoFolder
        where it cannot be written; NoFolder also where its file system supports no locks.
    """

    def __init__(self, folder: Path) -> None:
        with translating_write_errors(folder):
            self._file = private.open_file(folder / FILE_NAME, "ab+")
        # `is_being_written` in another process holds the lock for a moment.
        until = time.monotonic() + _SECONDS_TO_WAIT
        while not self._lock():
            if time.monotonic() > until:
                self._file.close()
                raise NotResumable(
                    f"The run {folder.name} is already running in another process.",
                    fix=f"Watch it: %attach {folder.name}",
                )
            time.sleep(_SECONDS_BETWEEN_TRIES)
        self._cut_torn_line()

    def _lock(self) -> bool:
        try:
            return _lock(self._file.fileno())
        except OSError as error:
            self._file.close()
            if unlockable := explain_no_locks(error, Path(self._file.name)):
                raise unlockable from error
            raise

    def append(self, event: Event) -> None:
        """Write one event and flush it, so that readers see the whole line."""
        # Names of files may hold bytes that are not UTF-8; JSON writes them with a backslash too.
        line = format_line(event).encode("utf-8", "backslashreplace")
        if os.fstat(self._file.fileno()).st_size + len(line) > MAX_BYTES:
            raise DamagedRun(
                f"The log {self._file.name} would become larger than {MAX_BYTES:,} bytes.",
                fix="Its events come without an end. Stop the run, and check what its host runs.",
            )
        with translating_write_errors(Path(self._file.name)):
            private.append_whole(self._file, line)

    def _cut_torn_line(self) -> None:
        end = self._file.seek(0, os.SEEK_END)
        start = end
        while start:
            block = min(start, _BLOCK)
            start = self._file.seek(start - block)
            newline = self._file.read(block).rfind(b"\n")
            if newline >= 0:
                start += newline + 1
                break
        if start < end:
            self._file.truncate(start)
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


class LogReader:
    """Reads the log of one run: each call of `read_new` parses only what was appended since."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._offset = 0
        self._lines = 0

    def has_grown(self) -> bool:
        """Return whether bytes were appended since the last read."""
        try:
            return self._path.stat().st_size > self._offset
        except OSError:
            return False

    def read_new(self) -> Iterator[Event]:
        """Yield the events appended since the last read; an incomplete last line is left for later.

        Raises DamagedRun at a complete line that is not an event, again at each call.
        """
        for line in self._new_lines():
            try:
                event = _parse(line)
            except ValueError as error:
                raise DamagedRun(
                    f"Line {self._lines + 1} of {self._path} is not an event: {error}",
                    fix="Move the folder of this run away; the other runs are not affected.",
                ) from error
            self._offset += len(line) + 1
            self._lines += 1
            yield event

    def _new_lines(self) -> list[bytes]:
        if not self.has_grown():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            return file.read().split(b"\n")[:-1]


def read_events(folder: Path) -> Iterator[Event]:
    """Yield all events of a run from a log that is read once; raises DamagedRun as LogReader."""
    return LogReader(folder).read_new()


def read_log_of_host(path: Path) -> Iterator[Event]:
    """Yield the events of a log that was copied from a host.

    A line that is not an event is reported by a warning in its place.
    """
    with path.open("rb") as file:
        for n, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE + 1), b""), start=1):
            if not line.endswith(b"\n") and len(line) <= _LONGEST_LINE:
                return
            try:
                yield _parse(line.removesuffix(b"\n"))
            except ValueError as error:
                yield report_invalid(error, n)


def _parse(line: bytes) -> Event:
    if len(line) > _LONGEST_LINE:
        raise ValueError(f"a line of more than {_LONGEST_LINE:,} bytes")
    return parse_line(line)


def has_events(folder: Path) -> bool:
    """Return whether the log holds at least one complete line."""
    try:
        with (folder / FILE_NAME).open("rb") as file:
            return file.readline(_LONGEST_LINE).endswith(b"\n")
    except FileNotFoundError:
        return False


def read_start(folder: Path) -> float:
    """Return the time of the first event; without one, when the log was written last."""
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file:
            return _parse(file.readline(_LONGEST_LINE + 1).removesuffix(b"\n")).t
    except (ValueError, OSError):
        return path.stat().st_mtime


def is_being_written(folder: Path) -> bool:
    """Return whether a living process has the log open for writing."""
    path = folder / FILE_NAME
    if not path.is_file():
        return False
    # A lock needs no right to write, and the file may be on a disk that is read only.
    with path.open("rb") as file:
        return _is_locked(file.fileno())


if sys.platform == "win32":
    import msvcrt

    # Windows refuses to read a locked byte, so the lock is on one beyond the end of any log.
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
        except BlockingIOError:
            return False
        return True

    def _is_locked(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # without locks no run could have begun to write
            return False
        return False
