"""Modules that are covered by a test of another name.

confusion, losses, prediction, options: tests/magics/results/test_magics.py
"""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from support.kernel import runner, shell_with_magics


@pytest.fixture
def magic(tmp_path, monkeypatch):
    """Runs a line in a shell."""
    monkeypatch.chdir(tmp_path)
    yield runner(shell_with_magics())
    InteractiveShell.clear_instance()


@pytest.fixture
def evaluated(evaluated_room, monkeypatch):
    """Our folder with a run named `run`, and its photos."""
    monkeypatch.setenv("DL_MAGICS_HOME", str(evaluated_room))
    return evaluated_room
