"""A Python environment with Keras in the home folder of a host, not on the PATH."""

from __future__ import annotations

import sys
from pathlib import Path

ENVIRONMENT_NAME = "keras"


def create_environment(home: Path) -> None:
    """Create a virtual environment in `home` that uses the packages of this interpreter.

    Nothing is copied: a .pth file points to them.
    """
    folder = home / ".venvs" / ENVIRONMENT_NAME
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
