"""The old interpreters in `build/`: Keras 1.2.2 and 2.3.1 on Theano 1.0.5."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What Theano compiled is kept for the next test, and for the next `make test`.
COMPILED = ROOT / "build" / "theano-compiled"


def theano_python(keras: int = 1) -> Path:
    python = ROOT / "build" / f"theano-{keras}" / "bin" / "python"
    if sys.version_info >= (3, 12) and not python.exists():
        pytest.skip("Theano needs Python 3.11 or older")
    assert python.exists(), f"{python} is not there: run make test"
    return python


def theano_flags() -> str:
    return f"base_compiledir={COMPILED}"


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "THEANO_FLAGS": theano_flags(), **more}
