from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from dl_magics.errors import BadSetting
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.network import (
    build_head,
    count_heads,
    join_probabilities,
    strip_training,
)
from dl_magics.training.model_archive import find_foreign_class
from dl_magics.training.recipe.recipe import Recipe

ONE = Recipe(data="photos", dense=(8,), heads=1)


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(0).gamma(1, 1, (6, 512)).astype(np.float32)


def examples(n):
    chance = np.random.default_rng(0)
    labels = chance.integers(0, 2, n)
    return Examples((chance.normal(0, 1, (n, 4)) + labels[:, None]).astype(np.float32), labels)


def own(source, **names):
    return replace(ONE, head=source, head_names=names)


def head_refusal(source, features, **names):
    with pytest.raises(BadSetting) as caught:
        build_head(own(source, **names), features, 3)
    happened, fix = caught.value._render_traceback_()
    assert "\n" not in happened + fix
    return happened.removeprefix("BadSetting: "), fix.removeprefix("  ")


def test_the_default_head_is_normalization_hidden_layers_dropout_and_logits(features):
    head = build_head(replace(ONE, dense=(8, 4), dropout=0.25), features, 3)

    assert [type(layer).__name__ for layer in head.layers] == [
        "InputLayer",
        "Normalization",
        "Dense",
        "Dense",
        "Dropout",
        "Dense",
    ]
    assert [layer.units for layer in head.layers if hasattr(layer, "units")] == [8, 4, 3]
    assert head.layers[-2].rate == 0.25
    assert head.output_shape == (None, 3)


def test_without_hidden_layers_and_dropout_the_head_is_linear(features):
    head = build_head(replace(ONE, dense=(), dropout=0.0), features, 3)

    assert [type(layer).__name__ for layer in head.layers[1:]] == ["Normalization", "Dense"]


def test_a_map_of_features_is_flattened():
    map_features = np.random.default_rng(0).random((5, 2, 2, 512), np.float32)

    head = build_head(replace(ONE, pooling=None), map_features, 3)

    assert head.input_shape == (None, 2, 2, 512)
    assert head.predict_on_batch(map_features).shape == (5, 3)


def test_the_head_sees_features_of_mean_0_and_variance_1(features):
    wide = features * 1000 + 5000
    head = build_head(ONE, wide, 3)

    seen = np.asarray(head.get_layer("normalize")(wide))

    alive = wide.var(0) > 1e-3 * wide.var(0).mean()
    np.testing.assert_allclose(seen.mean(0), 0, atol=1e-2)
    np.testing.assert_allclose(seen[:, alive].std(0), 1, atol=1e-2)


def test_constant_features_are_not_amplified():
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (50, 16)).astype("float32")
    features[:, 3] = 0.1
    features[:, 7] = rng.normal(0, 1e-6, 50)
    unseen = features.copy()
    unseen[:, [3, 7]] += 0.5

    seen = np.asarray(build_head(ONE, features, 3).get_layer("normalize")(unseen))

    assert np.isfinite(seen).all()
    assert np.abs(seen).max() < 10


def test_a_head_is_built_if_all_features_are_constant():
    features = np.full((4, 16), 3.0, np.float32)

    head = build_head(ONE, features, 3)

    assert np.isfinite(head.predict_on_batch(features)).all()


def test_the_same_seed_makes_the_same_head(features):
    one, again, other = (
        build_head(replace(ONE, seed=seed), features, 3).get_weights() for seed in (1, 1, 2)
    )

    assert all(map(np.array_equal, one, again))
    assert not all(map(np.array_equal, one, other))


def test_the_head_uses_the_learning_rate_of_the_recipe(features):
    head = build_head(replace(ONE, learning_rate=0.25), features, 3)

    assert float(head.optimizer.learning_rate) == 0.25


def test_a_custom_head_is_built_with_its_imports_and_names(features):
    source = (
        "from math import log2\n"
        "def head(features):\n"
        "    x = layers.Dense(int(log2(width)), activation='gelu', name='mine')(features)\n"
        "    return ops.concatenate([x, keras.ops.relu(x)], axis=-1)"
    )

    head = build_head(own(source, width=16), features, 3)

    assert head.get_layer("mine").units == 4
    assert head.predict_on_batch(features).shape == (len(features), 3)


def test_an_error_in_a_custom_head_is_reported_with_its_reason(features):
    happened, fix = head_refusal("def head(features):\n    return features + 1 / 0", features)

    assert happened == "head(features) failed: ZeroDivisionError: division by zero"
    assert fix == "It gets features of shape (None, 512) and returns the last hidden layer."


def test_a_missing_import_of_a_custom_head_is_reported(features):
    happened, _ = head_refusal("import nowhere\ndef head(features):\n    return features", features)

    assert happened == "head(features) failed: ModuleNotFoundError: No module named 'nowhere'"


def test_an_error_without_a_message_is_reported(features):
    happened, _ = head_refusal("def head(features):\n    assert False", features)

    assert happened == "head(features) failed: AssertionError: "


@pytest.mark.parametrize(
    ("returned", "shown"),
    [
        ("layers.Reshape((2, 256))(features)", "(None, 2, 256)"),
        ("None", "NoneType"),
        ("[features]", "list"),
        ("layers.Dense(3)", "Dense"),
        ("layers.Lambda(lambda x: x, output_shape=(None,))(features)", "(None, None)"),
    ],
)
def test_a_custom_head_must_return_a_flat_layer(features, returned, shown):
    happened, fix = head_refusal(f"def head(features):\n    return {returned}", features)

    assert happened == f"head(features) returned {shown}."
    assert fix.startswith("Return a flat layer")


def test_a_custom_head_must_use_the_features(features):
    source = "def head(features):\n    return layers.Dense(3)(keras.Input((4,)))"

    happened, fix = head_refusal(source, features)

    assert happened == "head(features) returned a layer that does not come from features."
    assert fix == "Call the first layer on features: layers.Dense(64)(features)"


# Several heads


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, 5),
        ({"heads": 3}, 3),
        ({"dense": ()}, 1),
        ({"pooling": None}, 1),
        ({"head": "def head(features):\n    return features"}, 1),
        ({"head": "def head(features):\n    return features", "heads": 4}, 4),
    ],
)
def test_auto_is_several_heads_where_they_differ_and_are_cheap(settings, count):
    assert count_heads(Recipe(data="photos", **settings)) == count


OWN = "def head(features):\n    return layers.Dropout(0.5)(layers.Dense(8, name='mine')(features))"


@pytest.mark.parametrize("source", ["", OWN], ids=["of settings", "own"])
@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd", "label_smoothing": 0.1}])
def test_several_heads_train_as_they_would_one_by_one(source, settings):
    train, recipe = examples(40), replace(ONE, head=source, learning_rate=0.01, **settings)

    together = build_head(replace(recipe, heads=3), train.features, 2)
    alone = [build_head(replace(recipe, seed=recipe.seed + n), train.features, 2) for n in range(3)]
    for head in (together, *alone):
        for at in range(0, 40, 8):
            chosen = np.arange(at, at + 8)
            head.train_on_batch(train.features[chosen], train.labels[chosen])

    logits = together.predict_on_batch(train.features)
    assert logits.shape == (40, 3, 2)
    for n, head in enumerate(alone):
        np.testing.assert_allclose(
            logits[:, n], head.predict_on_batch(train.features), rtol=1e-4, atol=1e-5
        )
    assert not np.allclose(logits[:, 0], logits[:, 1], atol=0.01)
    # PyTorch knows variables by their paths.
    assert len({each.path for each in together.variables}) == len(together.variables)


def test_several_heads_become_one_model_of_their_mean_probabilities(tmp_path):
    import keras

    given = examples(6)
    head = build_head(replace(ONE, head=OWN, heads=3), given.features, 2)
    inputs = keras.Input((4,))
    whole = keras.Model(inputs, join_probabilities(strip_training(head)(inputs)))
    whole.save(tmp_path / "model.keras")

    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)

    logits = np.asarray(head.predict_on_batch(given.features), np.float64)
    each = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(
        loaded.predict_on_batch(given.features), each.mean(1), rtol=1e-5, atol=1e-6
    )
    config = json.loads(whole.to_json())
    assert find_foreign_class(config) == ""
