"""Modules that are covered by a test of another name.

backbone: tests/training/engine/test_networks.py
load: tests/training/backbones/test_hub.py
kept_model: tests/training/backbones/test_own.py
network_code: tests/training/test_explain.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dl_magics.training.engine import networks
from support import tiny_keras
from support.backbones import hub_cache


@pytest.fixture(scope="session")
def presets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a cache of kagglehub with small, random presets."""
    with pytest.MonkeyPatch.context() as patch:
        # For each file in the cache it looks for the source of all callers, to say to its host
        # who asks: that takes longer than to load a small preset.
        patch.setattr("kagglehub.clients.get_user_agent", lambda: "tests")
        yield hub_cache.fill(tmp_path_factory.mktemp("kagglehub"))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of photos in two classes."""
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"), 6)


@pytest.fixture(autouse=True)
def no_network_is_kept() -> None:
    """Build each network of a test."""
    networks._frozen.cache_clear()
