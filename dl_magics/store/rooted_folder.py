"""Access to the files below a folder, for names that come from another computer.

No name leads out of the folder: folders are opened one below the other by descriptor, and a
symbolic link on the way is an error. Where the system has no such calls (Windows), the real path of
the parent folder is compared with the expected one.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Any, Self

_NEEDED = {os.open, os.mkdir, os.unlink, os.rmdir, os.rename, os.symlink, os.stat, os.utime}
HAS_DESCRIPTORS = os.supports_dir_fd >= _NEEDED
# A folder whose content may not be listed can still have a file with a known name.
_FOLDER = (
    getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# A pipe that took the place of a file must not block.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_OPEN_FOLDERS = 16


class RootedFolder:
    """The files below a folder; `name` is always relative to it, as bytes with slashes.

    Methods raise OSError. An instance keeps folders open until `close`, and serves one thread.

    Parameters
    ----------
    path
        The folder; it must exist. Links on the way to it are followed.
    aliases
        For a name that callers use, the name that the file has in the folder.
    by_descriptor
        Whether to open folders by descriptor; else real paths are compared.
    """

    def __init__(
        self,
        path: Path,
        aliases: Mapping[bytes, bytes] | None = None,
        *,
        by_descriptor: bool = HAS_DESCRIPTORS,
    ) -> None:
        self.path = path
        self._aliases = aliases or {}
        self._real = os.path.realpath(path)
        self._folders: OrderedDict[bytes, int] = OrderedDict()
        self._root = os.open(path, _FOLDER) if by_descriptor else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all descriptors."""
        self._forget(b"")
        if self._root is not None:
            os.close(self._root)
            self._root = None

    def open_to_read(self, name: bytes) -> BufferedReader:
        """Open a regular file."""
        return os.fdopen(self._open(name, os.O_RDONLY), "rb")

    def open_to_write(self, name: bytes, *, append: bool = False) -> BufferedWriter:
        """Open a regular file to replace its content or to append; a new one is private."""
        how = os.O_APPEND if append else os.O_TRUNC
        return os.fdopen(self._open(name, os.O_WRONLY | os.O_CREAT | how), "wb")

    def read_status(self, name: bytes) -> os.stat_result:
        """Return the status of a file, a folder or a link itself."""
        path, where = self._at(name)
        return os.stat(path, follow_symlinks=False, **where)  # noqa: PTH116 (dir_fd)

    def make_folder(self, name: bytes, mode: int = 0o777) -> None:
        """Create a folder and those above it; one that exists keeps its mode."""
        _check_is_inside(name)
        for end in [*(at for at, byte in enumerate(name) if byte == ord("/")), len(name)]:
            path, where = self._at(name[:end])
            try:
                os.mkdir(path, mode if end == len(name) else 0o777, **where)  # noqa: PTH102
            except FileExistsError:
                mode_there = self.read_status(name[:end]).st_mode
                if stat.S_ISLNK(mode_there) and end < len(name):
                    raise _link_on_the_way(name) from None
                if not stat.S_ISDIR(mode_there):
                    raise

    def make_link(self, name: bytes, target: bytes) -> None:
        """Create a symbolic link."""
        path, where = self._at(name)
        os.symlink(os.fsdecode(target), path, **where)  # noqa: PTH211 (dir_fd)

    def rename(self, name: bytes, to: bytes) -> None:
        """Rename a file, a folder or a link; a file or link at `to` is replaced."""
        source, source_at = self._at(name)
        target, target_at = self._at(to)
        self._forget(name)
        os.replace(
            source,
            target,
            src_dir_fd=source_at.get("dir_fd"),
            dst_dir_fd=target_at.get("dir_fd"),
        )

    def remove(self, name: bytes) -> None:
        """Delete a file, a link, or an empty folder."""
        path, where = self._at(name)
        is_folder = stat.S_ISDIR(self.read_status(name).st_mode)
        self._forget(name)
        (os.rmdir if is_folder else os.unlink)(path, **where)

    def remove_tree(self, name: bytes) -> None:
        """Delete a folder with its content, as far as possible."""
        path, where = self._at(name)
        self._forget(name)
        shutil.rmtree(path, ignore_errors=True, **where)

    def set_mode(self, name: bytes, mode: int) -> None:
        """Set the permissions of a file or folder."""
        path, where = self._at(name)
        self._check_is_no_link(name)
        if self._root is None:
            os.chmod(path, mode)  # noqa: PTH101 (a path that was checked)
            return
        descriptor = os.open(path, os.O_RDONLY | _NO_LINK | _NO_WAIT, **where)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def set_mtime(self, name: bytes, mtime_ns: int) -> None:
        """Set the time of the last change, in nanoseconds since 1970."""
        path, where = self._at(name)
        self._check_is_no_link(name)
        os.utime(path, ns=(mtime_ns, mtime_ns), **where)

    def _open(self, name: bytes, flags: int) -> int:
        """Return a descriptor of a regular file; a new one is private."""
        path, where = self._at(name)
        if self._root is None:
            self._check_is_no_link(name)
        descriptor = os.open(path, flags | _NO_LINK | _NO_WAIT, 0o600, **where)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file", os.fsdecode(name))
        return descriptor

    def _check_is_no_link(self, name: bytes) -> None:
        with suppress(FileNotFoundError):
            if stat.S_ISLNK(self.read_status(name).st_mode):
                raise OSError(errno.ELOOP, "a symbolic link", os.fsdecode(name))

    def _at(self, name: bytes) -> tuple[str, dict[str, Any]]:
        """Return what `os` functions take for a name: a path, and the descriptor it starts at."""
        name = self._aliases.get(name, name)
        parts = name.split(b"/")
        _check_is_inside(name)
        while len(self._folders) > _OPEN_FOLDERS:
            os.close(self._folders.popitem(last=False)[1])
        if self._root is not None:
            return os.fsdecode(parts[-1]), {"dir_fd": self._open_folder(b"/".join(parts[:-1]))}
        path = os.path.join(self._real, *map(os.fsdecode, parts))  # noqa: PTH118
        parent = os.path.dirname(path)  # noqa: PTH120
        if os.path.lexists(parent) and os.path.realpath(parent) != parent:
            raise _link_on_the_way(name)
        return path, {}

    def _open_folder(self, name: bytes) -> int:
        assert self._root is not None
        if not name:
            return self._root
        if name in self._folders:
            self._folders.move_to_end(name)
            return self._folders[name]
        above, _, last = name.rpartition(b"/")
        parent = self._open_folder(above)
        try:
            descriptor = os.open(os.fsdecode(last), _FOLDER | _NO_LINK, dir_fd=parent)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR) and _is_link(last, parent):
                raise _link_on_the_way(name) from error
            raise
        self._folders[name] = descriptor
        return descriptor

    def _forget(self, name: bytes) -> None:
        """Close the folder `name` and those below it; b"" is the root."""
        name = self._aliases.get(name, name)
        for each in [each for each in self._folders if not name or _is_below(each, name)]:
            os.close(self._folders.pop(each))


@dataclass(frozen=True, slots=True)
class RootedFile:
    """A file below a folder, to open later and from any thread."""

    root: Path
    name: bytes
    aliases: Mapping[bytes, bytes] = field(default_factory=dict)

    def open(self, _mode: str = "rb", /) -> BufferedReader:
        """Open the file to read."""
        with RootedFolder(self.root, self.aliases) as folder:
            return folder.open_to_read(self.name)

    def read_status(self) -> os.stat_result:
        """Return the status of the file itself."""
        with RootedFolder(self.root, self.aliases) as folder:
            return folder.read_status(self.name)


def is_inside(name: bytes) -> bool:
    """Whether a name, by its words, is a path below a folder."""
    parts = name.split(b"/")
    drive = os.name == "nt" and (b":" in name or b"\\" in name)
    return not (drive or b"\0" in name or {b"", b".", b".."} & set(parts))


def _check_is_inside(name: bytes) -> None:
    if not is_inside(name):
        raise OSError(errno.EINVAL, "the name leads out of the folder", os.fsdecode(name))


def _is_below(name: bytes, folder: bytes) -> bool:
    return name == folder or name.startswith(folder + b"/")


def _is_link(name: bytes, parent: int) -> bool:
    return stat.S_ISLNK(os.stat(os.fsdecode(name), dir_fd=parent, follow_symlinks=False).st_mode)


def _link_on_the_way(name: bytes) -> OSError:
    return OSError(errno.ELOOP, "a symbolic link is on the way", os.fsdecode(name))
