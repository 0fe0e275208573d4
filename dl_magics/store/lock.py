"""Locks between the processes of this user. Other users can neither open nor hold them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dl_magics.errors import DLMagicsError
from dl_magics.store import paths, private

if TYPE_CHECKING:
    from filelock import FileLock

_UNLOCKABLE = "cannot be locked"
_held: dict[str, FileLock] = {}


@contextmanager
def hold(
    name: str, otherwise: DLMagicsError | None = None, *, seconds: float = 0.0
) -> Iterator[None]:
    """Hold the lock `name`; it is released at the end of the block or of this process.

    Where another process holds it, wait, or raise `otherwise` after some seconds.
    """
    lock = _open_lock(name)
    if not _acquire(lock, seconds if otherwise else -1):
        assert otherwise
        raise otherwise
    try:
        yield
    finally:
        lock.release()


def hold_until_exit(name: str, *, seconds: float = 0.0) -> bool:
    """Hold the lock `name` until `release` or the end of this process, however it ends.

    Return False where another process still holds it after `seconds`.
    """
    lock = _open_lock(name)
    if lock.lock_file in _held:
        return True
    if not _acquire(lock, seconds):
        return False
    _held[lock.lock_file] = lock
    return True


def release(name: str) -> None:
    """Release a lock of `hold_until_exit`."""
    if lock := _held.pop(_open_lock(name).lock_file, None):
        lock.release()


def is_held(name: str) -> bool:
    """Whether this or another process holds the lock `name`."""
    lock = _open_lock(name)
    if lock.lock_file in _held or not _acquire(lock, 0):
        return True
    lock.release()
    return False


def _open_lock(name: str) -> FileLock:
    from filelock import FileLock

    file = paths.data_folder("locks") / f"{name}.lock"
    with paths.reporting_failure(file, _UNLOCKABLE):
        private.touch(file)
    return FileLock(str(file), mode=private.FILE_MODE, thread_local=False)


def _acquire(lock: FileLock, seconds: float) -> bool:
    """Acquire a lock within some seconds; -1 waits as long as it takes."""
    from filelock import Timeout

    with paths.reporting_failure(Path(lock.lock_file), _UNLOCKABLE):
        try:
            lock.acquire(timeout=seconds)
        except Timeout:  # it is an OSError
            return False
    return True
