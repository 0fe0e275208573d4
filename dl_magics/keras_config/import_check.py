"""Whether a backend that is installed can be imported: tried in the interpreter that is meant."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

from dl_magics.errors import NotInstalled
from dl_magics.keras_config import subprocess_probe
from dl_magics.keras_config.installed import Installed

_LONGEST = 200


def check_import(found: Installed, backend: str) -> None:
    """Raise NotInstalled unless this Keras has the backend, and it starts in this interpreter."""
    found.check(backend)
    if not is_imported(found.python, backend):
        _try(found.python, backend, found.versions[backend], _packages())


def is_imported(python: str, backend: str) -> bool:
    """Tell whether this very process has imported the backend already."""
    return python == sys.executable and backend in sys.modules


@lru_cache
def _try(python: str, backend: str, version: str, _packages: tuple[int, ...]) -> None:
    """Import it in a process of its own; where it starts, once until something is installed."""
    # A device that is not there stops Theano, but is no reason not to choose it.
    flags = ",".join(each for each in (os.environ.get("THEANO_FLAGS"), "device=cpu") if each)
    _, trouble = subprocess_probe.run_probe(
        python, f"import {backend}\nsay('well')", {"THEANO_FLAGS": flags}
    )
    if trouble:
        raise NotInstalled(
            f"{backend} {version} is installed in {python}, but does not start: "
            f"{trouble[:_LONGEST]}",
            fix=f"%pip install -U {backend} · all that it says: {python} -c 'import {backend}'",
        )


def _packages() -> tuple[int, ...]:
    """Return when something was last installed or removed, folder by folder."""
    folders = (Path(each) for each in sys.path if each)
    return tuple(each.stat().st_mtime_ns for each in folders if each.is_dir())
