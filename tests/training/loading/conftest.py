"""Modules that are covered by a test of another name.

process, server: tests/training/loading/test_load_check.py
isolated_load: tests/hostile/test_model_files.py
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dl_magics.training.loading import process


@pytest.fixture(scope="module", autouse=True)
def own_process(coverage_of_children: None) -> Iterator[None]:
    """Use no process that other tests have left: coverage may not measure it."""
    _end_kept_process()
    yield
    _end_kept_process()


def _end_kept_process() -> None:
    while process._kept:
        kept = process._kept.pop()._process
        assert kept.stdin
        kept.stdin.close()
        kept.wait(30)
