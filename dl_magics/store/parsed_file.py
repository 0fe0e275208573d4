"""Small files of ours: each version is parsed once, and a damaged one kept under another name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class ParsedFile(Generic[T]):
    """Keeps what `parse` returned for the bytes of the last version of a file."""

    def __init__(self, parse: Callable[[bytes], T]) -> None:
        self._parse = parse
        self._kept: tuple[tuple[object, ...], T] | None = None

    def read(self, path: Path) -> T | None:
        """Return the content of the file; None where there is none. Raises what `parse` raises."""
        try:
            found = path.stat()
            # The clock of a file system is coarse, but each version is another file.
            version = (path, found.st_ino, found.st_size, found.st_mtime_ns)
            kept = self._kept
            if not kept or kept[0] != version:
                self._kept = kept = version, self._parse(path.read_bytes())
        except FileNotFoundError:
            return None
        return kept[1]


def set_aside(path: Path) -> Path:
    """Rename a file that cannot be read; return its new path."""
    return path.replace(_name_aside(path))


def copy_aside(path: Path) -> None:
    """Copy a file a part of which cannot be read, before it is replaced by what can be."""
    shutil.copy2(path, _name_aside(path))


def list_aside(path: Path) -> list[Path]:
    """Return what these functions have made of a file, oldest first."""
    return sorted(path.parent.glob(f"{path.stem}.damaged-*{path.suffix}"))


def _name_aside(path: Path) -> Path:
    return path.with_name(f"{path.stem}.damaged-{datetime.now():%Y%m%d-%H%M%S-%f}{path.suffix}")
