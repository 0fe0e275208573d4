"""Modules that are covered by a test of another name.

reading: tests/magics/data/test_checking.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from support.kernel import runner, shell_with_magics


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    monkeypatch.chdir(tmp_path)
    yield runner(shell_with_magics())
    InteractiveShell.clear_instance()
