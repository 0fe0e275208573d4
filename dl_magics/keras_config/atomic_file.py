"""Change a file of another program: in one step, through its link, and one writer at a time."""

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
    """Put `text` into a file: a reader sees the old file or the new one. A link stays a link."""
    target = resolve_links(path)
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else _NEW_FILE
    atomic.replace(target, text.encode("utf-8", "surrogateescape"), mode=mode)


def read_text(path: Path) -> str | None:
    """Return the text of a file, whatever its bytes are; None where it is not there."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None


def resolve_links(path: Path) -> Path:
    """Return the file that a path means, behind all links."""
    return Path(os.path.realpath(path))


@contextmanager
def lock_for_change(path: Path) -> Iterator[None]:
    """Let one writer at a time go on; say in two lines what the system refuses."""
    try:
        folder = resolve_links(path).parent
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            yield
    except OSError as error:
        raise CannotChange(
            f"{path} cannot be changed: {error.strerror or error}.",
            fix="Look at what is there: ls -ld " + " ".join(map(str, (path, path.parent))),
        ) from error


if sys.platform == "win32":
    import msvcrt

    @contextmanager
    def _locked(folder: Path) -> Iterator[None]:
        # Windows locks no folders.
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
        # The folder itself is locked: no file is left behind in it.
        descriptor = os.open(str(folder), os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
