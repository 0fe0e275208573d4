"""What is said where a file of ours cannot be written: the disk is full, or it is read only."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dl_magics.errors import DiskFull, DLMagicsError, NoFolder, TrainingFailed

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DENIED = (errno.EACCES, errno.EPERM)
_UNLOCKABLE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
# HDF5 tells the number in its text only.
_SIGNS_OF_FULL = ("No space left on device", "Disk quota exceeded", "File too large")
_ELSEWHERE = "Set DL_MAGICS_HOME to a folder {}, then restart the kernel."


def find_write_error(error: OSError, folder: Path) -> DLMagicsError | None:
    """Return what is said of a failed write in a folder; None where it has another cause."""
    where = error.filename or folder
    if error.errno in _FULL or any(sign in str(error) for sign in _SIGNS_OF_FULL):
        return DiskFull(
            f"{where} was not written: {_shorten(error)}.",
            fix="Free space: %features shows what features and runs occupy, and %features --clear "
            "deletes features. Then run the cell again; features already computed are kept.",
        )
    return _explain_denied(error, folder) if error.errno == errno.EROFS else None


def explain_failure(error: OSError, folder: Path) -> DLMagicsError:
    """Return how a run in a folder failed by an OSError, whatever its cause."""
    return find_write_error(error, folder) or TrainingFailed(
        f"{error.strerror or error}: {error.filename or folder}",
        fix="Fix the cause and run the cell again; features already computed are kept.",
    )


def explain_no_locks(error: OSError, path: Path) -> NoFolder | None:
    """Return what is said where a file system supports no locks; None for another error."""
    if error.errno not in _UNLOCKABLE:
        return None
    return NoFolder(
        f"{path} cannot be locked: {error.strerror}. Without locks two runs could write one file.",
        fix=_ELSEWHERE.format("on a local disk"),
    )


@contextmanager
def translating_write_errors(folder: Path) -> Iterator[None]:
    """Raise what `find_write_error` returns in place of an OSError, or that a write was denied."""
    try:
        yield
    except OSError as error:
        denied = _explain_denied(error, folder) if error.errno in _DENIED else None
        if found := find_write_error(error, folder) or denied:
            raise found from error
        raise


def _explain_denied(error: OSError, folder: Path) -> NoFolder:
    return NoFolder(
        f"{error.filename or folder} cannot be written: {error.strerror}.",
        fix=_ELSEWHERE.format("that you can write to"),
    )


def _shorten(error: OSError) -> str:
    """Return the reason of a full disk in the words of the system."""
    if error.errno in _FULL and error.strerror:
        return error.strerror
    return next((sign for sign in _SIGNS_OF_FULL if sign in str(error)), "the disk is full")
