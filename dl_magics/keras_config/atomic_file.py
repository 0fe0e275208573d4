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
from dl_magics.store import atomic

_NEW_FILE = 0o644


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
    """Hold an exclusive lock for a change of the file.

    Raises
    ------
    CannotChange
        if the operating system refuses the change.
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
        # The folder is locked, so that no lock file is left in it.
        descriptor = os.open(str(folder), os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
