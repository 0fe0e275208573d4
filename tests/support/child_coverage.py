"""Which of the Python processes that tests start coverage measures: those of `measured` only.

Most of what they run is not ours, as the import of a backend, and to measure it takes half as long
again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_ASKED = "COVERAGE_PROCESS_CONFIG"
_kept: dict[str, str] = {}


def stop() -> None:
    """Measure no process that is started from now on."""
    if _ASKED in os.environ:
        _kept[_ASKED] = os.environ.pop(_ASKED)


@contextmanager
def measured() -> Iterator[None]:
    """Measure the processes that are started meanwhile, if this one is measured."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _kept.items():
            patch.setenv(name, value)
        yield
