"""The practice cloud, started once for all tests of a worker.

Modules that are covered by a test of another name:

__main__, profile, server: tests/practice/test_process.py
proof: tests/hostile/test_practice_impersonation.py
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dl_magics import practice
from support.ec2_client import ProfileRenter, use


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[practice.PracticeCloud]:
    folder = tmp_path_factory.mktemp("practice")
    yield practice.start_cloud(folder, delay=0.1, boot=0, tied=True)
    practice.stop_cloud(folder)


@pytest.fixture
def renter(
    monkeypatch: pytest.MonkeyPatch, cloud: practice.PracticeCloud
) -> Iterator[ProfileRenter]:
    renter = use(monkeypatch, practice.ensure_profile(cloud.folder))
    yield renter
    cloud.clear_faults()
    renter.forget_everything()
