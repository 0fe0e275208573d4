"""What each Python that the tests start runs first: see `site-packages/sitecustomize.py`."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

# The practice cloud gives its instances all folders of packages of its own interpreter, by name.
FOLDER = Path(__file__).parent / "site-packages"
SITE_CUSTOMIZE = FOLDER / "sitecustomize.py"


def begin() -> None:
    """Run it here, and let every Python that this one starts run it."""
    runpy.run_path(str(SITE_CUSTOMIZE))
    sys.path.append(str(FOLDER))
    os.environ["PYTHONPATH"] = join_paths(*filter(None, [os.environ.get("PYTHONPATH")]))


def join_paths(*folders: str | os.PathLike[str]) -> str:
    """Return a PYTHONPATH for a process that also finds modules in these folders."""
    return os.pathsep.join(map(str, (FOLDER, *folders)))
