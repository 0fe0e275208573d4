"""A small file of ours that is read often: each version of it is parsed once."""

from __future__ import annotations

from collections.abc import Callable
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
