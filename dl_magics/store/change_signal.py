"""A file that each process touches after a request that changes something on AWS; others watch it.

A start in a notebook's kernel is thus seen by the Jupyter server without asking AWS all the time.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from dl_magics.errors import DLMagicsError
from dl_magics.store import paths, private

_FILE_NAME = "aws_changes"


def note_change() -> None:
    """Touch the file; a disk that is full or read-only never fails the change itself."""
    with suppress(OSError, DLMagicsError):
        private.touch(_path())
        _path().touch()


def changed_at() -> int:
    """Return when the file was touched last, in nanoseconds; 0 if never."""
    try:
        return _path().stat().st_mtime_ns
    except OSError:
        return 0


def _path() -> Path:
    return paths.data_folder() / _FILE_NAME
