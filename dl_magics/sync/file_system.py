"""What file systems differ in: names that are the same file, and permissions that are not kept."""

from __future__ import annotations

import stat
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from dl_magics.sync.names import printable


@dataclass(frozen=True, slots=True)
class FileSystem:
    """What a file system does with names and permissions.

    `folds_case` and `folds_accents` say which different names are the same file, `keeps_modes`
    whether it stores permissions.
    """

    folds_case: bool = False
    folds_accents: bool = False
    keeps_modes: bool = True

    def key(self, name: bytes) -> bytes:
        """Return what is equal for all names of the same file."""
        if not (self.folds_case or self.folds_accents):
            return name
        text = unicodedata.normalize("NFD", name.decode("utf-8", "surrogateescape"))
        if self.folds_case:
            text = unicodedata.normalize("NFD", text.casefold())
        return text.encode("utf-8", "surrogateescape")


def probe_file_system(folder: Path) -> FileSystem:
    """Return what the file system of a folder does; that of its parent if it is missing."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        return _probe(folder, folder.stat().st_dev)
    except OSError:  # a folder that cannot be written receives no file
        return FileSystem()


@cache
def _probe(folder: Path, _device: int) -> FileSystem:
    with TemporaryDirectory(prefix=".dl_magics-sync-", dir=folder) as scratch:
        probe = Path(scratch) / "x\u00e9"
        probe.touch()
        with suppress(OSError):
            probe.chmod(0o640)
        return FileSystem(
            folds_case=(Path(scratch) / "X\u00e9").exists(),
            folds_accents=(Path(scratch) / "xe\u0301").exists(),
            keeps_modes=stat.S_IMODE(probe.stat().st_mode) == 0o640,
        )


class NameTwins:
    """Finds the existing file that a new name would be taken for.

    Parameters
    ----------
    existing
        The names in the local folder.
    reserved
        A name that no file may have.
    """

    def __init__(self, existing: Iterable[bytes], reserved: bytes, system: FileSystem) -> None:
        self._system = system
        self._accents = FileSystem(folds_accents=system.folds_accents)
        self._folds = system.folds_case or system.folds_accents
        self._existing = {system.key(name): name for name in existing} if self._folds else {}
        self._existing[system.key(reserved)] = reserved
        self._claimed: dict[bytes, bytes] = {}

    def resolve(self, name: bytes) -> tuple[bytes, str]:
        """Return the existing name of the same file, and why the name cannot be used or ""."""
        if not self._folds:
            return name, ""
        key = self._system.key(name)
        claimed = self._claimed.setdefault(key, name)
        twin = self._existing.get(key, name)
        for other in (claimed, twin):
            is_form = other is twin and self._accents.key(other) == self._accents.key(name)
            if other != name and not is_form:
                return twin, f"this file system takes it for the same name as {printable(other)}"
        return twin, ""
