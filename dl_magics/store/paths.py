"""Where dl_magics keeps its files on this computer, and what is said where one cannot be written.

`atomic` and `private` raise OSError: they also write in other folders, and on an instance.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dl_magics.errors import DiskFull, NoFolder
from dl_magics.store import private

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def data_folder(subfolder: str = "") -> Path:
    """Return the data folder of dl_magics, or a subfolder of it; create it where it is missing.

    It is `$DL_MAGICS_HOME`, else `dl_magics` in Jupyter's data folder. Only you may enter it.

    Raises
    ------
    NoFolder
        where the folder cannot be created, belongs to another user, or cannot be closed to others.
    """
    variable = os.environ.get("DL_MAGICS_HOME")
    root = Path(variable).expanduser() if variable else jupyter_data_folder() / "dl_magics"
    folder = root / subfolder
    try:
        private.ensure_folder(root)
        if subfolder:
            private.ensure_folder(folder)
    except OSError as error:
        raise NoFolder(
            f"Could not create the data folder {folder}: {error.strerror}.",
            fix="Set DL_MAGICS_HOME to a folder that you can write to, then restart the kernel.",
        ) from error
    return folder


def jupyter_data_folder() -> Path:
    """Return Jupyter's data folder of this user."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir())


def replace_file(path: Path, data: bytes | str) -> Path:
    """Write a file in one step and return its path; raise as `reporting_failure` does."""
    from dl_magics.store import atomic  # not for a `%load_ext` that writes nothing

    with reporting_failure(path):
        return atomic.replace(path, data)


@contextmanager
def reporting_failure(path: Path, what: str = "cannot be written") -> Iterator[None]:
    """Raise what a person can do where a file cannot be written.

    Raises
    ------
    DiskFull
        where the disk or the quota is used up.
    NoFolder
        where the file system refuses it otherwise: it is read only, for example.
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        if error.errno in _FULL:
            raise DiskFull(
                f"{path} was not written: {why}.",
                fix="Free space: %features shows what features and runs occupy, and %features "
                "--clear deletes features. Then run the cell again.",
            ) from error
        raise NoFolder(
            f"{path} {what}: {why}.",
            fix="Set DL_MAGICS_HOME to a folder on a local disk that you can write to, then "
            "restart the kernel.",
        ) from error
