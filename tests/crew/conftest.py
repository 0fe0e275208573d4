"""Four practice hosts and one network for all tests of a crew.

Modules that are covered by a test of another name:

coordination, host_process, member, plan, results, roster, worker_host: tests/crew/test_crew.py
certificates, restricted_pickle: tests/crew/test_coordinator.py
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dl_magics.training import phases
from dl_magics.training.crew.crew import CrewCompute, Network
from dl_magics.training.engine import device, networks
from dl_magics.training.engine.extraction import fill_store
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.engine.scanned_images import ScannedImages, scan_folder
from dl_magics.training.recipe.recipe import Recipe
from support import tiny_keras
from support.backbones import small_model
from support.crew.hosts import CrewHosts, boot_crew
from support.ec2_client import until

BATCH = 4


@dataclass(frozen=True)
class Photos:
    """Photos whose features are computed, by this process or by a crew."""

    recipe: Recipe
    images: ScannedImages
    frozen: networks.Frozen

    @property
    def network(self) -> Network:
        return Network("float32", self.frozen.sha256, self.frozen.features, BATCH)

    def fill(self, store, compute):
        """Yield the events; photos that are found to be damaged are no error."""
        views, size = self.images.views, self.recipe.image_size
        yield from fill_store(store, views, size, BATCH, 42, compute, lambda: False, {})

    def fill_by_crew(self, crew, folder: Path, store=None):
        store = store or self.open_store(folder)
        yield from self.fill(store, CrewCompute(crew, self.recipe.image_size, 42))

    def open_store(self, folder: Path) -> FeatureStore:
        return FeatureStore(folder, {}, self.frozen.features)

    def read(self, folder: Path) -> bytes:
        store = self.open_store(folder)
        return store.get([view.key for view in self.images.views]).tobytes()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    folder = tiny_keras.photos(tmp_path_factory.mktemp("photos"), 60)
    recipe = tiny_keras.recipe(small_model.save_beside(folder), augment=1)
    frozen = networks.build_frozen(recipe, "float32", folder)
    return Photos(recipe, scan_folder(phases.find_images(recipe), recipe), frozen)


@pytest.fixture(scope="session")
def of_one_host(photos: Photos, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The features as one process computes them."""
    folder = tmp_path_factory.mktemp("one")
    compute = KerasCompute(photos.frozen.fast, device.detect_device(), BATCH)
    list(photos.fill(photos.open_store(folder), compute))
    return photos.read(folder)


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrewHosts]:
    yield from boot_crew(tmp_path_factory.mktemp("crew"), ["crew-1", "crew-2", "crew-3", "crew-4"])


@pytest.fixture
def hosts(booted: CrewHosts) -> Iterator[CrewHosts]:
    """Hosts that a test may disturb; nothing of a crew runs on them when it is over."""
    booted.pin()
    booted.up, booted.gone = list(booted.targets), set()
    yield booted
    until(lambda: not booted.workers())
