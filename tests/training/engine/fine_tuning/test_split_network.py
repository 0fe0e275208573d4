from __future__ import annotations

import numpy as np
import pytest

from dl_magics.training.engine import networks
from dl_magics.training.engine.features import records
from dl_magics.training.engine.fine_tuning.split_network import build_trainable, split_network
from dl_magics.training.engine.heads.network import build_head
from support import tiny_keras
from support.backbones import small_model

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)


def frozen_of(tmp_path, precision="float32", **settings):
    recipe = tiny_keras.recipe(tmp_path, **settings)
    return recipe, networks.build_frozen(recipe, precision, tmp_path)


@pytest.mark.parametrize(
    ("settings", "below", "shape", "between"),
    [
        ({"unfreeze": "block5"}, "block4_pool", (2, 2, 512), 0),
        # In the middle of the network, and above its last weights.
        ({"unfreeze": 9, "pooling": None}, "block3_conv3", (8, 8, 256), 0),
        ({"unfreeze": "block5_pool", "pooling": "max"}, "block5_conv3", (2, 2, 512), 0),
        # In a branch: everything flows through the addition below.
        ({"model": "MobileNetV2", "unfreeze": "block_15_project"}, "block_14_add", (1, 1, 160), 6),
    ],
)
def test_both_parts_compute_what_the_whole_network_does(tmp_path, settings, below, shape, between):
    recipe, frozen = frozen_of(tmp_path, **settings)

    split = split_network(recipe, frozen)

    assert (split.name_below, split.activations, split.cut.between) == (below, shape, between)
    activations = np.asarray(split.below.predict_on_batch(PIXELS))
    assert activations.dtype == np.float32
    features = np.asarray(split.above.predict_on_batch(activations))
    whole = np.asarray(frozen.plain.predict_on_batch(PIXELS))
    np.testing.assert_allclose(features, whole, rtol=1e-5, atol=1e-6)


def test_in_half_precision_the_activations_are_values_of_16_bits(tmp_path):
    recipe, frozen = frozen_of(tmp_path, "mixed_bfloat16", unfreeze="block5")

    split = split_network(recipe, frozen)

    activations = np.asarray(split.below.predict_on_batch(PIXELS))
    assert activations.dtype == np.float32
    assert not (activations.view(np.uint32) & 0xFFFF).any()
    features = np.asarray(split.above.predict_on_batch(activations))
    whole = np.asarray(frozen.fast.predict_on_batch(PIXELS))
    np.testing.assert_allclose(features, whole, rtol=2e-2, atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "stored"),
    [
        ({"unfreeze": "block5"}, "bfloat16"),
        # Pixels come in float32, and a model of one's own computes as it was saved.
        ({"unfreeze": "block1"}, "float32"),
        ({"model": "small.keras", "weights": "imagenet", "unfreeze": "block2"}, "float32"),
    ],
)
def test_activations_are_stored_in_a_type_that_holds_them_exactly(
    settings, stored, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    small_model.save(tmp_path / "small.keras")

    split = split_network(*frozen_of(tmp_path, "mixed_bfloat16", **settings))

    activations = np.asarray(split.below.predict_on_batch(PIXELS))
    kept = records.to_float32(records.from_float32(activations, split.stored), split.stored)
    assert split.stored == stored
    np.testing.assert_array_equal(kept, activations)


def test_normalizations_and_what_is_below_stay_as_they_are(tmp_path):
    recipe, frozen = frozen_of(
        tmp_path, model="MobileNetV2", unfreeze="block_15_project", fine_learning_rate=0.01
    )
    split = split_network(recipe, frozen)
    features = np.asarray(frozen.plain.predict_on_batch(PIXELS))
    trainable = build_trainable(recipe, frozen, split, build_head(recipe, features, 2), 3)
    before = {each.path: np.asarray(each) for each in trainable.plain.variables}
    untouched = [np.asarray(each) for each in frozen.plain.variables]

    activations = np.asarray(split.below.predict_on_batch(PIXELS))
    for _ in range(2):
        trainable.joint.train_on_batch(activations, np.array([0, 1, 1]))

    changed = {
        each.path.split("/")[-2]
        for each in trainable.plain.variables
        if not np.array_equal(np.asarray(each), before[each.path])
    }
    assert changed == {"block_15_project", "block_16_expand", "block_16_depthwise"} | {
        "block_16_project",
        "Conv_1",
    }
    # The frozen network is kept for the next run of this process.
    for was, each in zip(untouched, frozen.plain.variables, strict=True):
        np.testing.assert_array_equal(was, np.asarray(each))
