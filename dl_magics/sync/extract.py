"""Writes received files to the staging folder and renames them when complete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

from dl_magics.errors import BadSetting, DiskFull
from dl_magics.sync.diff import STAGE, FileEntry, Tree
from dl_magics.sync.progress import ProgressMeter

_CHUNK = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)


class ByteStream(Protocol):
    """A source of bytes."""

    def read(self, size: int, /) -> bytes: ...


class TarExtractor:
    """Writes files from a host into a local folder; names that were not requested are ignored."""

    def __init__(self, root: Path, wanted: Tree, meter: ProgressMeter) -> None:
        self._root = root
        self._stage = root / STAGE
        self._wanted = wanted
        self._meter = meter
        self.settled: set[bytes] = set()

    def prepare(self, folders: list[bytes]) -> None:
        """Create the folders, including the staging folder."""
        try:
            self._stage.mkdir(parents=True, exist_ok=True)
            for name in folders:
                self._path(name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadSetting(
                f"{self._root} cannot be written: {error.strerror or error}",
                fix="Name another folder with --to",
            ) from error

    def unpack(self, stream: ByteStream) -> None:
        """Extract files from concatenated tar archives; an incomplete end is ignored."""
        with (
            contextlib.suppress(tarfile.TarError),
            tarfile.open(
                fileobj=cast(IO[bytes], stream), mode="r|", bufsize=_CHUNK, ignore_zeros=True
            ) as archive,
        ):
            for member in archive:
                name = _name(member.name)
                entry = self._wanted.get(name)
                if entry is None or entry.kind != "file":
                    continue
                if member.islnk() and _name(member.linkname) in self.settled:
                    with (
                        self._settling(name),
                        self._path(_name(member.linkname)).open("rb") as file,
                    ):
                        self._take(name, entry, file)
                elif member.isreg() and member.size == entry.size:
                    content = archive.extractfile(member)
                    with self._settling(name):
                        if content:
                            self._take(name, entry, content)

    def write(self, name: bytes, block: bytes) -> None:
        """Append a block to the staged part of a big file."""
        with self._settling(name), self.part(name).open("ab") as file:
            file.write(block)
        self._meter.add(len(block))

    def whole(self, name: bytes) -> None:
        """Move a complete big file into place."""
        with self._settling(name):
            self._place(name, self._wanted[name])

    def link(self, name: bytes) -> None:
        """Create a symbolic link, if the operating system permits it."""
        beside = self.part(name)
        with self._settling(name):
            beside.unlink(missing_ok=True)
            beside.symlink_to(os.fsdecode(self._wanted[name].target))
            beside.replace(self._path(name))
            self.settled.add(name)

    def delete(self, names: list[bytes]) -> None:
        """Delete files, and folders that are then empty."""
        for name in names:
            path = self._path(name)
            with self._settling(name):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def clear(self) -> None:
        """Remove the staging folder."""
        shutil.rmtree(self._stage, ignore_errors=True)

    def part(self, name: bytes) -> Path:
        """Return the path of a file in the staging folder."""
        return self._stage / hashlib.sha256(name).hexdigest()[:32]

    def came(self, name: bytes) -> int:
        """Return the number of bytes of a file received by an earlier attempt."""
        part = self.part(name)
        return part.stat().st_size if part.is_file() else 0

    def _path(self, name: bytes) -> Path:
        return self._root / os.fsdecode(name)

    def _take(self, name: bytes, entry: FileEntry, content: IO[bytes]) -> None:
        with self.part(name).open("wb") as file:
            while block := content.read(_CHUNK):
                file.write(block)
                self._meter.add(len(block))
        self._place(name, entry)

    def _place(self, name: bytes, entry: FileEntry) -> None:
        part = self.part(name)
        os.utime(part, ns=(entry.mtime_ns, entry.mtime_ns))
        part.replace(self._path(name))
        self.settled.add(name)
        self._meter.add(0, 1)

    @contextmanager
    def _settling(self, name: bytes) -> Iterator[None]:
        """Raise DiskFull for a full disk; report any other file that cannot be written."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise DiskFull(
                    f"The disk of this computer is full: {self._root}",
                    fix="Free some space and run the same line again to resume.",
                ) from error
            self.settled.add(name)
            self._meter.skip(name, (error.strerror or str(error)).lower())


def _name(member: str) -> bytes:
    return os.fsencode(member).removeprefix(b"./")
