"""Writes received files to the staging folder and renames them when complete."""

from __future__ import annotations

import errno
import hashlib
import os
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from dl_magics.errors import BadSetting, DiskFull
from dl_magics.store.rooted_folder import RootedFolder
from dl_magics.sync.diff import STAGE, FileEntry, Tree
from dl_magics.sync.names import printable
from dl_magics.sync.progress import ProgressMeter
from dl_magics.sync.tar.reader import LimitedStream, read_members

_CHUNK = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)
_STAGE = STAGE.encode()
_PRIVATE = 0o700
# Permissions that a new file gets where those of the host are not known.
_DEFAULT_FILE, _DEFAULT_FOLDER = 0o644, 0o755


class FileExtractor:
    """Writes files from a host into a local folder; names that were not requested are ignored."""

    def __init__(
        self, root: Path, wanted: Tree, meter: ProgressMeter, aliases: Mapping[bytes, bytes]
    ) -> None:
        self._path, self._aliases = root, aliases
        self._wanted = wanted
        self._meter = meter
        self.settled: set[bytes] = set()
        self._placed: set[bytes] = set()

    def prepare(self, mode: int | None) -> None:
        """Create the folder with these permissions, and the staging folder in it."""
        try:
            if not self._path.is_dir():
                self._path.mkdir(parents=True, exist_ok=True)
                if mode is not None:
                    self._path.chmod(mode)
            self._root = RootedFolder(self._path, self._aliases)
            self._root.make_folder(_STAGE, _PRIVATE)
        except OSError as error:
            raise BadSetting(
                f"{printable(str(self._path))} cannot be written: {error.strerror or error}",
                fix="Name another folder with --to",
            ) from error

    def close(self) -> None:
        """Close the folder."""
        with suppress(AttributeError):
            self._root.close()

    def clear_way(self, names: list[bytes]) -> None:
        """Move what is to be replaced by another type to the staging folder."""
        for name in names:
            with self._settling(name):
                self._root.rename(name, b"%s/old-%s" % (_STAGE, uuid.uuid4().hex.encode()))

    def make_folders(self, names: list[bytes]) -> None:
        """Create folders."""
        for name in names:
            with self._settling(name):
                self._root.make_folder(name, _mode_of(self._wanted[name]))

    def unpack(self, stream: LimitedStream) -> None:
        """Extract files from concatenated tar archives; an incomplete end is ignored."""
        with suppress(tarfile.TarError):
            for member, content in read_members(stream):
                name = _name(member.name)
                entry = self._wanted.get(name)
                if entry is None or entry.kind != "file" or name in self.settled:
                    continue
                if member.islnk() and _name(member.linkname) in self._placed:
                    with (
                        self._settling(name),
                        self._root.open_to_read(_name(member.linkname)) as file,
                    ):
                        self._take(name, entry, file)
                elif content and member.size == entry.size:
                    with self._settling(name):
                        self._take(name, entry, content)

    def write(self, name: bytes, block: bytes) -> None:
        """Append a block to the staged part of a big file."""
        with self._settling(name), self._root.open_to_write(_part(name), append=True) as file:
            file.write(block)
        self._meter.add(len(block))

    def place(self, name: bytes) -> None:
        """Move a complete file into place."""
        entry, part = self._wanted[name], _part(name)
        with self._settling(name):
            # Some file systems have no permissions.
            with suppress(PermissionError):
                self._root.set_mode(part, _mode_of(entry))
            self._root.set_mtime(part, entry.mtime_ns)
            self._root.rename(part, name)
            self.settled.add(name)
            self._placed.add(name)
            self._meter.add(0, 1)

    def make_link(self, name: bytes) -> None:
        """Create a symbolic link, if the operating system permits it."""
        with self._settling(name):
            with suppress(FileNotFoundError):
                self._root.remove(_part(name))
            self._root.make_link(_part(name), self._wanted[name].target)
            self._root.rename(_part(name), name)
            self.settled.add(name)

    def set_modes(self, names: list[bytes], new_folders: list[bytes]) -> None:
        """Set the permissions of files and folders that exist, inner folders first."""
        for name in sorted({*names, *new_folders}, reverse=True):
            with self._settling(name):
                self._root.set_mode(name, _mode_of(self._wanted[name]))
            if name in names and self._wanted[name].kind == "file":
                self._meter.add(0, 1)

    def delete(self, names: list[bytes]) -> None:
        """Delete files, and folders that are then empty."""
        for name in names:
            with self._settling(name):
                self._root.remove(name)

    def clear(self) -> None:
        """Remove the staging folder."""
        self._root.remove_tree(_STAGE)

    def read_part(self, name: bytes) -> IO[bytes]:
        """Open the part of a big file that has been received."""
        return self._root.open_to_read(_part(name))

    def discard_part(self, name: bytes) -> None:
        """Delete the part of a big file."""
        with suppress(OSError):
            self._root.remove(_part(name))

    def received_size(self, name: bytes) -> int:
        """Return the number of bytes of a file received by an earlier attempt."""
        try:
            with self.read_part(name) as part:
                return os.fstat(part.fileno()).st_size
        except OSError:
            self.discard_part(name)
            return 0

    def _take(self, name: bytes, entry: FileEntry, content: IO[bytes]) -> None:
        left = entry.size
        with self._root.open_to_write(_part(name)) as file:
            while block := content.read(min(_CHUNK, left)):
                left -= len(block)
                file.write(block)
                self._meter.add(len(block))
        if not left:
            self.place(name)

    @contextmanager
    def _settling(self, name: bytes) -> Iterator[None]:
        """Raise DiskFull for a full disk; report any other file that cannot be written."""
        try:
            yield
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise DiskFull(
                    f"The disk of this computer is full: {printable(str(self._path))}",
                    fix="Free some space and run the same line again to resume.",
                ) from error
            self.settled.add(name)
            why = error.strerror if isinstance(error, OSError) else None
            self._meter.skip(name, (why or str(error)).lower())


def staged_size(root: Path, name: bytes) -> int:
    """Return the bytes of a file that an earlier sync left in the staging folder of `root`."""
    try:
        return (root / os.fsdecode(_part(name))).lstat().st_size
    except OSError:
        return 0


def _mode_of(entry: FileEntry) -> int:
    if entry.kept_mode is None:
        return _DEFAULT_FOLDER if entry.kind == "folder" else _DEFAULT_FILE
    return entry.kept_mode


def _part(name: bytes) -> bytes:
    """Return the name of a file in the staging folder."""
    return b"%s/%s" % (_STAGE, hashlib.sha256(name).hexdigest()[:32].encode())


def _name(member: str) -> bytes:
    return os.fsencode(member).removeprefix(b"./")
