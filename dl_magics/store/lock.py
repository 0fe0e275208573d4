"""Locks between the processes of this user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dl_magics.errors import DLMagicsError
from dl_magics.store import paths


@contextmanager
def hold(name: str, otherwise: DLMagicsError | None = None) -> Iterator[None]:
    """Hold the lock `name`; it is released at the end of the block or of this process.

    Where another process holds it, wait, or raise `otherwise` at once.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(paths.data_folder("locks") / f"{name}.lock", timeout=0 if otherwise else -1)
    try:
        lock.acquire()
    except Timeout:
        assert otherwise
        raise otherwise from None
    try:
        yield
    finally:
        lock.release()
