"""Folders and files that only their owner may enter, read or lock, under any umask.

Standard library only and Python 3.8 compatible: it also runs on an instance.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from dl_magics.errors import NoFolder

FOLDER_MODE = 0o700
FILE_MODE = 0o600

_PERMISSIONS = 0o777
_FOR_OTHERS = 0o077
_WRITABLE_BY_OTHERS = 0o022


def create_folder(path: Path) -> Path:
    """Create a private folder, and missing parents alike; raise FileExistsError if it exists."""
    try:
        path.mkdir(mode=FOLDER_MODE)
    except FileNotFoundError:
        with suppress(FileExistsError):
            create_folder(path.parent)
        path.mkdir(mode=FOLDER_MODE)
    if sys.platform != "win32" and path.lstat().st_mode & _PERMISSIONS != FOLDER_MODE:
        path.chmod(FOLDER_MODE)  # a umask took permissions from the owner
    return path


def ensure_folder(path: Path) -> Path:
    """Return a private folder: it is created, or an existing one is closed to other users.

    Raises
    ------
    NoFolder
        where it belongs to another user, contains files of another user, or cannot be closed.
    """
    with suppress(FileExistsError):
        create_folder(path)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if sys.platform != "win32":
        _close_to_others(path)
    return path


def open_file(path: Path, mode: str) -> IO[bytes]:
    """Open a private file in a binary mode of `open`; it is created with the mode 0600.

    Raises
    ------
    NoFolder
        where it is a symbolic link, not a regular file, or belongs to another user.
    """
    return open(path, mode, opener=_open_descriptor)


def append_whole(file: IO[bytes], data: bytes) -> None:
    """Append to a file that was opened by `open_file`: all of the data, or nothing.

    What a full disk leaves of it is cut off again before the OSError is raised.
    """
    file.flush()
    descriptor, left = file.fileno(), memoryview(data)
    before = os.fstat(descriptor).st_size
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, before)
        raise


def touch(path: Path) -> None:
    """Create an empty private file; one that exists keeps its content."""
    open_file(path, "ab").close()


def _open_descriptor(path: str, flags: int) -> int:
    if sys.platform == "win32":
        return os.open(path, flags, FILE_MODE)
    # Without O_NONBLOCK, opening a named pipe would wait for its other end.
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    truncate, flags = flags & os.O_TRUNC, flags & ~os.O_TRUNC
    try:
        descriptor = os.open(path, flags, FILE_MODE)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _not_a_file(path) from error
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _not_a_file(path)
        if found.st_uid != os.geteuid():
            raise _foreign(path, found.st_uid)
        if found.st_mode & _PERMISSIONS != FILE_MODE:
            os.fchmod(descriptor, FILE_MODE)
        if truncate:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


if sys.platform != "win32":

    def _close_to_others(path: Path) -> None:
        link, found = path.lstat(), path.stat()
        for each in (link, found):
            if each.st_uid != os.geteuid():
                raise _foreign(str(path), each.st_uid)
        if not found.st_mode & _FOR_OTHERS:
            return
        if found.st_mode & stat.S_ISVTX or _is_home(path):
            raise NoFolder(
                f"{path} is not a folder for dl_magics alone: other users may enter it.",
                fix="Set DL_MAGICS_HOME to a new folder in it, then restart the kernel.",
            )
        if found.st_mode & _WRITABLE_BY_OTHERS:
            _refuse_foreign_entries(path)
        with suppress(OSError):
            path.chmod(FOLDER_MODE)
        if path.stat().st_mode & _FOR_OTHERS:
            raise NoFolder(
                f"{path} is open to other users (mode {found.st_mode & _PERMISSIONS:04o}), "
                "and its file system keeps it open.",
                fix="Set DL_MAGICS_HOME to a folder on another file system, "
                "then restart the kernel.",
            )

    def _refuse_foreign_entries(path: Path) -> None:
        """Refuse what other users put into a folder while it was open to them."""
        with os.scandir(path) as entries:
            for entry in entries:
                owner = entry.stat(follow_symlinks=False).st_uid
                if owner not in (os.geteuid(), 0):
                    raise _foreign(entry.path, owner)

    def _is_home(path: Path) -> bool:
        home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
        return os.path.exists(home) and path.samefile(home)  # noqa: PTH110


def _not_a_file(path: str) -> NoFolder:
    return NoFolder(f"{path} is a link or a device, not a file.", fix=f"Remove it: rm '{path}'")


def _foreign(path: str, owner: int) -> NoFolder:
    return NoFolder(
        f"{path} belongs to another user (uid {owner}).",
        fix=f"Remove it, or, if it is yours: sudo chown -R $(id -u) '{path}'",
    )
