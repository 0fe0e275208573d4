"""Modules that are covered by a test of another name.

backbone: tests/training/engine/test_networks.py
load: tests/training/backbones/test_hub.py
kept_model: tests/training/backbones/test_own.py
network_code: tests/training/test_explain.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dl_magics.training.engine import networks
from support import tiny_keras
from support.backbones import hub_cache


@pytest.fixture(scope="session")
def presets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache of kagglehub with small, random presets."""
    return hub_cache.fill(tmp_path_factory.mktemp("kagglehub"))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of photos in two classes."""
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"), 6)


@pytest.fixture(autouse=True)
def no_network_is_kept() -> None:
    """Build each network of a test."""
    networks._frozen.cache_clear()
