"""What tests share."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).parents[1]


def command(module: ModuleType) -> list[str]:
    """Return the command that runs a module of this package as a program."""
    run = (
        f"import runpy, sys; sys.path.insert(0, {str(TESTS)!r}); "
        f"runpy.run_module({module.__name__!r}, run_name='__main__', alter_sys=True)"
    )
    return [sys.executable, "-c", run]
