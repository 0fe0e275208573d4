"""The old interpreters in `build/`: Keras 1.2.2 and 2.3.1 on Theano 1.0.5."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What Theano compiled is kept for the next test, and for the next `make test`.
COMPILED = ROOT / "build" / "theano-compiled"

CXX_FLAGS = "-O1 -g0 -march=x86-64"

PINNED = {
    "numpy": "1.23.5",
    "scipy": "1.11.4",
    "h5py": "3.1",
    "pillow": "11.0",
    "Theano": "1.0.5",
    "Keras": "1.2.2",
}


def theano_python(keras: int = 1) -> Path:
    python = ROOT / "build" / f"theano-{keras}" / "bin" / "python"
    if sys.version_info >= (3, 12) and not python.exists():
        pytest.skip("Theano needs Python 3.11 or older")
    assert python.exists(), f"{python} is not there: run make test"
    return python


def theano_flags() -> str:
    # What Theano compiles runs for seconds only: compiling it well takes longer, and so does asking
    # gcc in each process for the name of this processor.
    return f"base_compiledir={COMPILED},gcc.cxxflags={CXX_FLAGS}"


def wheels(folder: Path) -> Path:
    """Fill a folder with all that pip is asked for, each with nothing but its name and version."""
    folder.mkdir()
    for name, version in PINNED.items():
        module, info = name.lower(), f"{name}-{version}.dist-info"
        with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{module}/__init__.py", f"__version__ = {version!r}\n")
            archive.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            )
            archive.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{info}/RECORD", "")
    return folder


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "THEANO_FLAGS": theano_flags(), "PYTHONHASHSEED": "0", **more}
