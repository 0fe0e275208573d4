from __future__ import annotations

import numpy as np

from dl_magics.training.engine import device, networks
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.fine_tuning.joined import compute_rows, join_shapes, make_store
from dl_magics.training.engine.fine_tuning.split_network import split_network
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from support import tiny_keras
from support.backbones import small_model

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


def test_the_rows_of_a_worker_are_stored_as_activations_and_features_of_one_host(tmp_path):
    recipe = tiny_keras.recipe(small_model.save_beside(tmp_path / "photos"), unfreeze=2)
    frozen = networks.build_frozen(recipe, "float32", tmp_path)
    split, found = split_network(recipe, frozen), device.detect_device()
    below, above = (KerasCompute(each, found, 4) for each in (split.below, split.above))

    rows = compute_rows(below, above, PIXELS)
    store = make_store(
        FeatureStore(tmp_path, {"cut": 1}, split.activations),
        FeatureStore(tmp_path, {}, frozen.features),
    )
    keys = [bytes([n]) * 32 for n in range(3)]
    with store.writer() as writer:
        writer.add(keys, rows)

    assert rows.shape[1:] == join_shapes(split.activations, frozen.features)
    activations = below.start(PIXELS)()
    np.testing.assert_array_equal(store.activations.get(keys), activations)
    np.testing.assert_array_equal(store.features.get(keys), above.start(activations)())
