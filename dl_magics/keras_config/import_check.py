"""Check that an installed backend can be imported, in a new process of its interpreter."""

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
    """Raise NotInstalled unless this Keras supports the backend and it can be imported."""
    found.require_backend(backend)
    if not is_imported(found.python, backend):
        _import_in_subprocess(found.python, backend, found.versions[backend], _packages_state())


def is_imported(python: str, backend: str) -> bool:
    """Return whether `python` runs this process, and it has imported the backend."""
    return python == sys.executable and backend in sys.modules


@lru_cache
def _import_in_subprocess(
    python: str, backend: str, version: str, _packages: tuple[int, ...]
) -> None:
    """Import the backend in a new process. Success is cached until a package is installed."""
    # Theano fails if the configured GPU is missing, but it can still be selected.
    flags = ",".join(each for each in (os.environ.get("THEANO_FLAGS"), "device=cpu") if each)
    _, error = subprocess_probe.run_probe(
        python, f"import {backend}\nsay('ok')", {"THEANO_FLAGS": flags}
    )
    if error:
        raise NotInstalled(
            f"{backend} {version} is installed in {python}, but cannot be imported: "
            f"{error[:_LONGEST]}",
            fix=f"%pip install -U {backend} · full output: {python} -c 'import {backend}'",
        )


def _packages_state() -> tuple[int, ...]:
    """Return the modification times of the folders on sys.path: pip changes them."""
    folders = (Path(each) for each in sys.path if each)
    return tuple(each.stat().st_mtime_ns for each in folders if each.is_dir())
