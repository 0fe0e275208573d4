"""What the user chose, kept between notebooks and kernels."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from dl_magics.errors import DamagedFile
from dl_magics.store import atomic, lock, paths

_VERSION = 1


def choices() -> dict[str, Any]:
    """Return what the person chose; a damaged file is set aside and said once."""
    path = paths.data_folder() / "choices.json"
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _set_aside(path) from error
    if not isinstance(read, dict):
        raise _set_aside(path)
    if read.get("version", _VERSION) > _VERSION:
        raise DamagedFile(
            f"{path} was written by a newer dl_magics (version {read['version']}).",
            fix="%pip install -U dl-magics",
        )
    return {key: value for key, value in read.items() if key != "version"}


def choose(**changes: Any) -> dict[str, Any]:
    """Change some choices in one step and return all; None takes a choice back."""
    with lock.hold("choices"):
        after = {**choices(), **changes}
        kept = {key: value for key, value in after.items() if value is not None}
        text = json.dumps({"version": _VERSION, **kept}, indent=2)
        atomic.replace(paths.data_folder() / "choices.json", text)
    return kept


def _set_aside(path: Path) -> DamagedFile:
    aside = path.with_name(f"choices.damaged-{datetime.now():%Y%m%d-%H%M%S-%f}.json")
    path.replace(aside)
    return DamagedFile(
        f"{path.name} could not be read; it now lies at {aside}.",
        fix="Run the cell again: it begins with no choices. %aws_get NAME chooses your instance.",
    )
