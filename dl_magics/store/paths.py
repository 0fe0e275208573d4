"""Where dl_magics keeps its files on this computer."""

from __future__ import annotations

import os
from pathlib import Path

from dl_magics.errors import NoFolder
from dl_magics.store import private


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
