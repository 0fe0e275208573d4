"""Our own folder: where runs, features and weights lie."""

from __future__ import annotations

import os
from pathlib import Path


def folder(room: str = "") -> Path:
    """Return our folder, or a `room` in it; make it if it is not there.

    It is `$DL_MAGICS_HOME`, else `dl_magics` in Jupyter's data folder.
    """
    named = os.environ.get("DL_MAGICS_HOME")
    home = Path(named).expanduser() if named else _jupyter_data() / "dl_magics"
    room_folder = home / room
    room_folder.mkdir(parents=True, exist_ok=True)
    return room_folder


def _jupyter_data() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir())
