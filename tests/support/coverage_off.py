"""Processes whose lines of ours nobody counts: to count them takes a third longer.

What runs in them is not ours, or is counted where another test runs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_ASKED = "COVERAGE_PROCESS_CONFIG"


def unmeasured() -> dict[str, str]:
    """Return the environment of such a process."""
    return {name: value for name, value in os.environ.items() if name != _ASKED}


@contextmanager
def starting_unmeasured() -> Iterator[None]:
    """Let every process be such a one that is started meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(_ASKED, raising=False)
        yield
