"""A file that each process touches after a request that changes something on AWS; others watch it.

A start in a notebook's kernel is thus seen by the Jupyter server without asking AWS all the time.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from dl_magics.errors import DLMagicsError
from dl_magics.store import paths, private, state

_FILE_NAME = "aws_changes"


def note_change() -> None:
    """Touch the file; a disk that is full or read-only never fails the change itself."""
    with suppress(OSError, DLMagicsError):
        private.touch(_path())
        _path().touch()


def read_times() -> tuple[int, int]:
    """Return when the file was touched and when the stored state was changed, in nanoseconds."""
    folder = paths.data_folder()
    return _modified_at(folder / _FILE_NAME), _modified_at(folder / state.FILE_NAME)


def _modified_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _path() -> Path:
    return paths.data_folder() / _FILE_NAME
