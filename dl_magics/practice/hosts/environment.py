"""A Python with Keras in the home of a practice host; it is not on the PATH, as on real ones."""

from __future__ import annotations

import sys
from pathlib import Path

NAME = "keras"


def make(home: Path) -> None:
    """Make a virtual environment that leads to the packages of this interpreter.

    Nothing is copied: it costs a folder, a link and two small files.
    """
    folder = home / ".venvs" / NAME
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    named = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / named / "site-packages"
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(base)
    version = ".".join(map(str, sys.version_info[:3]))
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\nversion = {version}\n")
    shared = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (packages / "practice.pth").write_text("".join(f"{path}\n" for path in shared))
