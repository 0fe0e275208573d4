"""Locks between the processes of this user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dl_magics.errors import DLMagicsError
from dl_magics.store import paths, private

if TYPE_CHECKING:
    from filelock import FileLock

_held: dict[str, FileLock] = {}


@contextmanager
def hold(name: str, otherwise: DLMagicsError | None = None) -> Iterator[None]:
    """Hold the lock `name`; it is released at the end of the block or of this process.

    Other users can neither open nor hold it. Where another process holds it, wait, or raise
    `otherwise` at once.
    """
    from filelock import FileLock, Timeout

    file = paths.data_folder("locks") / f"{name}.lock"
    private.touch(file)
    lock = FileLock(file, timeout=0 if otherwise else -1, mode=private.FILE_MODE)
    try:
        lock.acquire()
    except Timeout:
        assert otherwise
        raise otherwise from None
    try:
        yield
    finally:
        lock.release()


def hold_until_exit(name: str, *, seconds: float = 0.0) -> bool:
    """Hold the lock `name` until `release` or the end of this process, however it ends.

    Return False where another process still holds it after `seconds`.
    """
    from filelock import FileLock, Timeout

    file = str(paths.data_folder("locks") / f"{name}.lock")
    if file in _held:
        return True
    lock = FileLock(file, timeout=seconds, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return False
    _held[file] = lock
    return True


def release(name: str) -> None:
    """Release a lock of `hold_until_exit`."""
    if lock := _held.pop(str(paths.data_folder("locks") / f"{name}.lock"), None):
        lock.release()


def is_held(name: str) -> bool:
    """Whether this or another process holds the lock `name`."""
    from filelock import FileLock, Timeout

    file = paths.data_folder("locks") / f"{name}.lock"
    if str(file) in _held:
        return True
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True
