"""Memory grows by few bytes an image: a million of them fit into that of a small computer."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest

from dl_magics.data import folders
from dl_magics.training.checks import data_checks
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.features.key_index import pack_keys
from dl_magics.training.engine.features.stored_values import StoredValues, load_values
from dl_magics.training.engine.fingerprint import digest_images
from dl_magics.training.engine.scanned_images import scan_folder
from dl_magics.training.recipe.recipe import check_settings
from support import tiny_keras

FEW, MANY = 1_000, 6_000


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two folders of hard links to one photo, the smaller one first."""
    top = tmp_path_factory.mktemp("many")
    photo = tiny_keras.photo(top / "photo.png", "red", 1)
    for n in (FEW, MANY):
        for name in ("cats", "dogs"):
            (top / str(n) / name).mkdir(parents=True)
        for i in range(n):
            (top / str(n) / ("cats", "dogs")[i % 2] / f"photo_{i:06}.jpg").hardlink_to(photo)
    return top


def bytes_an_image(work):
    """Return by how many bytes the most memory of `work(n)` grows for each of its images."""
    work(10)
    most = []
    for n in (FEW, MANY):
        gc.collect()
        tracemalloc.start()
        held = work(n)
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        del held
    return (most[1] - most[0]) / (MANY - FEW)


def test_images_are_found_and_read_in_few_bytes_each(photos):
    def scan(n):
        top = photos / str(n if n in (FEW, MANY) else FEW)
        images = scan_folder(folders.find_images(top), check_settings(str(top), {}))
        digest_images(images.readable(images.train))
        return images

    assert bytes_an_image(scan) < 400


def test_duplicates_are_found_among_many_images(photos):
    top = photos / str(FEW)
    images = scan_folder(folders.find_images(top), check_settings(str(top), {}))

    codes = [
        each.code
        for each in data_checks.warn_of_duplicates(("cats", "dogs"), images.train, images.valid)
    ]

    assert codes == ["images_in_both_parts", "images_in_two_classes"]


def keys(n):
    return pack_keys([np.random.default_rng(at).bytes(32) for at in range(n)])


def test_a_store_takes_few_bytes_a_key(tmp_path):
    wanted = {n: keys(n) for n in (10, FEW, MANY)}
    for n, listed in wanted.items():
        with FeatureStore(tmp_path, {"n": n}, (2,)).writer() as writer:
            for at in range(0, n, 500):
                part = listed[at : at + 500]
                writer.add(part, np.zeros((len(part), 2), np.float32))

    def find(n):
        store = FeatureStore(tmp_path, {"n": n}, (2,))
        assert not store.are_missing(wanted[n]).any()
        return store

    assert bytes_an_image(find) < 250


def test_features_beyond_the_bound_stay_on_disk_and_are_the_same(tmp_path, monkeypatch):
    store = FeatureStore(tmp_path, {}, (3,))
    written = np.random.default_rng(0).random((50, 3), np.float32)
    with store.writer() as writer:
        writer.add(keys(50), written)
    assert isinstance(load_values(store, keys(50)), np.ndarray)
    monkeypatch.setattr(
        "dl_magics.training.engine.features.stored_values.MOST_IN_MEMORY", written.nbytes - 1
    )

    stored = load_values(store, keys(50))

    assert isinstance(stored, StoredValues)
    assert stored.shape == written.shape
    np.testing.assert_array_equal(stored[:], written)
    np.testing.assert_array_equal(stored[np.array([7, 3])], written[[7, 3]])
