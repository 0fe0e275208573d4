"""The spaces of the feature store as folders: what each is of, and which runs have used it.

Standard library only: `%features` reads them on a host in a process of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dl_magics.store import atomic, private

_SPACE_FILE, _USERS_FILE = "space.json", "runs.txt"
BLOCKS = "*.block"
_NAME = re.compile(r"[0-9a-f]{24}")


def is_space_name(name: str) -> bool:
    """Return whether a folder of this name in the feature store is a space."""
    return _NAME.fullmatch(name) is not None


def write_description(space: Path, text: str) -> None:
    """Write what the features of a space depend on, as JSON, where that is not known yet."""
    if not (space / _SPACE_FILE).exists():
        atomic.replace(space / _SPACE_FILE, text + "\n")


def record_user(space: Path, run: str) -> None:
    """Remember that a run uses a space; nothing is remembered in a store that is read only."""
    with suppress(OSError), private.open_file(space / _USERS_FILE, "ab") as file:
        file.write(f"{run}\n".encode())


def read_users(space: Path) -> list[str]:
    """Return the names of the runs that have used a space, each once."""
    try:
        lines = (space / _USERS_FILE).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return list(dict.fromkeys(lines))


def read_description(space: Path) -> Mapping[str, Any]:
    """Return what the features of a space depend on except the image; empty if it is unknown."""
    try:
        found = json.loads((space / _SPACE_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
