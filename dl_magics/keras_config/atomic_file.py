"""Change a file that another program owns: atomically, through links, with a lock."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dl_magics.errors import CannotChange
from dl_magics.store import atomic, private

_NEW_FILE = 0o644
_LOCK_NAME = ".dl_magics.lock"


def replace_text(path: Path, text: str) -> None:
    """Replace the content of a file atomically; a link is kept, its target is written."""
    target = resolve_links(path)
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else _NEW_FILE
    atomic.replace(target, text.encode("utf-8", "surrogateescape"), mode=mode)


def read_text(path: Path) -> str | None:
    """Return the text of a file, invalid UTF-8 as surrogates; None if it does not exist."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None


def resolve_links(path: Path) -> Path:
    """Return the path with all symbolic links resolved."""
    return Path(os.path.realpath(path))


@contextmanager
def lock_for_change(path: Path) -> Iterator[None]:
    """Hold an exclusive lock for a change of the file. Other users cannot hold it.

    Raises
    ------
    CannotChange
        if the operating system refuses the change.
    NoFolder
        if another user has put a lock file into the folder.
    """
    try:
        folder = resolve_links(path).parent
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            yield
    except OSError as error:
        raise CannotChange(
            f"{path} cannot be changed: {error.strerror or error}.",
            fix="Check the permissions: ls -ld " + " ".join(map(str, (path, path.parent))),
        ) from error


if sys.platform == "win32":
    import msvcrt

    @contextmanager
    def _locked(folder: Path) -> Iterator[None]:
        # Windows cannot lock a folder.
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        with (Path(tempfile.gettempdir()) / f"dl_magics-{name}.lock").open("a") as file:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            try:
                yield
            finally:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    @contextmanager
    def _locked(folder: Path) -> Iterator[None]:
        # Not the folder itself: whoever may read it could hold its lock.
        path = folder / _LOCK_NAME
        while True:
            with private.open_file(path, "ab") as file:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX)
                # The process that held the lock before has removed its file.
                if not _is_same_file(path, file.fileno()):
                    continue
                try:
                    yield
                finally:
                    path.unlink()
                return

    def _is_same_file(path: Path, descriptor: int) -> bool:
        try:
            return os.path.samestat(path.lstat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False
