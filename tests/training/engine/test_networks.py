from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from dl_magics.errors import BadSetting
from dl_magics.training.backbones.backbone import SCALES, Backbone
from dl_magics.training.engine import networks as models
from dl_magics.training.engine.heads.network import build_head
from dl_magics.training.recipe import applications
from dl_magics.training.recipe.recipe import Recipe

SIZE = 32
RANDOM = Recipe(data="photos", weights=None, image_size=SIZE, dense=(8,), heads=1)


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(autouse=True)
def no_network_is_kept():
    models._frozen.cache_clear()


@pytest.fixture(scope="module")
def network(folder):
    return models.build_frozen(RANDOM, "float32", folder)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def features(network, pixels):
    return network.plain.predict_on_batch(pixels)


def own(source, **names):
    return replace(RANDOM, head=source, head_names=names)


# The preprocessing


@pytest.fixture(scope="module")
def prepared(keras, pixels):
    """Return the pixels after the preprocessing layers of a model, by mode."""

    def of(mode):
        nothing = keras.Sequential([keras.Input((SIZE, SIZE, 3)), keras.layers.Identity()])
        backbone = Backbone(nothing, SCALES[mode])
        return backbone.add_ends(SIZE, None).predict_on_batch(pixels)

    return {mode: of(mode) for mode in ("caffe", "tf", "torch", "none")}


@pytest.mark.parametrize("name", applications.APPLICATIONS)
def test_the_built_in_preprocessing_equals_that_of_keras(keras, prepared, pixels, name):
    build = getattr(keras.applications, name)
    theirs = importlib.import_module(build.__module__).preprocess_input

    wanted = np.asarray(theirs(pixels.astype("float32")))

    np.testing.assert_allclose(
        prepared[applications.APPLICATIONS[name].preprocessing], wanted, rtol=1e-5, atol=1e-5
    )


def test_the_four_modes_differ(prepared):
    made = list(prepared.values())

    assert not any(np.allclose(one, other) for n, one in enumerate(made) for other in made[n + 1 :])


# The frozen part


@pytest.mark.parametrize(
    ("pooling", "shape"), [("avg", (512,)), ("max", (512,)), (None, (1, 1, 512))]
)
def test_the_pooling_decides_the_shape_of_the_features(folder, pixels, pooling, shape):
    network = models.build_frozen(replace(RANDOM, pooling=pooling), "float32", folder)

    features = network.plain.predict_on_batch(pixels)

    assert network.features == shape
    assert features.shape == (len(pixels), *shape)
    assert features.dtype == np.float32


def test_pooling_is_the_mean_or_the_maximum_of_the_map(folder):
    large = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), np.uint8)
    recipe = replace(RANDOM, image_size=64)

    whole, mean, most = (
        models.build_frozen(
            replace(recipe, pooling=pooling), "float32", folder
        ).plain.predict_on_batch(large)
        for pooling in (None, "avg", "max")
    )

    assert whole.shape == (2, 2, 2, 512)
    np.testing.assert_allclose(mean, whole.mean((1, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(most, whole.max((1, 2)))


def test_the_widest_layer_is_the_first_block(network):
    assert network.widest == SIZE * SIZE * 64


def test_the_frozen_part_has_no_trainable_weights(network):
    assert network.plain.trainable_weights == []


def test_half_precision_has_the_same_weights_and_close_features(folder, pixels, features):
    half = models.build_frozen(RANDOM, "mixed_bfloat16", folder)

    fast = np.asarray(half.fast.predict_on_batch(pixels))

    plain = half.plain.predict_on_batch(pixels)
    assert half.fast is not half.plain
    assert fast.dtype == np.float32
    np.testing.assert_array_equal(plain, features)
    assert 0 < np.abs(fast - plain).max() < 0.05 * np.abs(plain).max()


def test_the_digest_of_the_weights_does_not_depend_on_the_precision(network, folder):
    half = models.build_frozen(RANDOM, "mixed_bfloat16", folder)

    assert half.sha256 == network.sha256


def test_in_full_precision_plain_and_fast_are_one_network(network):
    assert network.fast is network.plain


def test_the_seed_determines_random_weights(network, folder):
    other = models.build_frozen(replace(RANDOM, seed=1), "float32", folder)
    again = models.build_frozen(RANDOM, "float32", folder)

    assert other.sha256 != network.sha256
    assert again.sha256 == network.sha256


def test_the_last_network_is_cached(folder):
    one = models.build_frozen(RANDOM, "float32", folder)

    assert models.build_frozen(replace(RANDOM, epochs=9, dense=()), "float32", folder) is one
    assert models.build_frozen(replace(RANDOM, pooling="max"), "float32", folder) is not one


def test_a_changed_weights_file_is_loaded_again(keras, folder, tmp_path, network):
    file = tmp_path / "own.weights.h5"
    recipe = replace(RANDOM, weights=str(file))
    base = keras.applications.VGG16(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    base.save_weights(file)
    before = models.build_frozen(recipe, "float32", folder)
    base.set_weights([values * 2 for values in base.get_weights()])
    base.save_weights(file)
    os.utime(file, (1, 1))

    after = models.build_frozen(recipe, "float32", folder)

    assert after.sha256 != before.sha256
    assert models.build_frozen(replace(recipe, seed=5), "float32", folder) is after


# Settings of the user


@pytest.fixture
def odd_settings(keras):
    """Apply unusual Keras settings for the time of a test."""
    config = keras.config
    before = config.dtype_policy(), config.floatx(), config.image_data_format()
    config.set_floatx("float64")
    config.set_image_data_format("channels_first")
    config.set_dtype_policy("float16")
    yield lambda: (config.floatx(), config.image_data_format(), config.dtype_policy().name)
    config.set_dtype_policy(before[0])
    config.set_floatx(before[1])
    config.set_image_data_format(before[2])


def test_keras_settings_of_the_user_are_restored_and_have_no_effect(
    odd_settings, network, pixels, features, folder
):
    odd = models.build_frozen(RANDOM, "float32", folder)
    made = odd.plain.predict_on_batch(pixels)
    head = build_head(RANDOM, features, 3)
    whole = models.join_model(odd, head)

    assert odd_settings() == ("float64", "channels_first", "float16")
    assert odd.sha256 == network.sha256
    np.testing.assert_array_equal(made, features)
    assert {each.dtype for each in head.weights} == {"float32"}
    assert whole.predict_on_batch(pixels).dtype == np.float32


def test_keras_settings_of_the_user_are_restored_after_an_error(odd_settings, features):
    with pytest.raises(BadSetting):
        build_head(own("def head(features):\n    1 / 0"), features, 3)

    assert odd_settings() == ("float64", "channels_first", "float16")


def test_random_generators_of_the_user_are_not_changed(folder, features):
    random.seed(5)
    np.random.seed(5)
    before = random.getstate(), np.random.get_state()

    models.build_frozen(RANDOM, "float32", folder)
    build_head(RANDOM, features, 3)

    after = random.getstate(), np.random.get_state()
    assert after[0] == before[0]
    np.testing.assert_equal(after[1], before[1])


# The saved model


def test_a_saved_model_predicts_from_raw_pixels_and_has_its_class_names(
    keras, network, features, pixels, tmp_path
):
    """(tests/training/test_backends.py loads one in processes without dl_magics.)"""
    classes = ["Äpfel", "猫", 'a "quoted" one']
    whole = models.join_model(network, build_head(RANDOM, features, 3))
    models.save_model(whole, classes, tmp_path / "model.keras")

    read = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    made = read.predict(pixels, verbose=0)

    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert json.loads(archive.read("classes.json")) == classes
    np.testing.assert_allclose(made, whole.predict_on_batch(pixels), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.sum(made, 1), 1, rtol=1e-5)


def test_pixels_may_be_integers_or_floats(network, features, pixels):
    whole = models.join_model(network, build_head(RANDOM, features, 3))

    np.testing.assert_array_equal(
        whole.predict(pixels, verbose=0), whole.predict(pixels.astype("float32"), verbose=0)
    )


def test_a_model_with_a_custom_head_is_saved_and_loaded(keras, network, features, pixels, tmp_path):
    source = "def head(features):\n    return ops.relu(layers.Dense(4)(features))"
    whole = models.join_model(network, build_head(own(source), features, 3))

    models.save_model(whole, ["a", "b", "c"], tmp_path / "model.keras")

    read = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(
        read.predict_on_batch(pixels), whole.predict_on_batch(pixels), rtol=1e-5, atol=1e-6
    )


def test_saving_leaves_one_file_and_returns_its_digest(network, features, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    path = folder / "model.keras"
    path.write_bytes(b"an earlier one")
    whole = models.join_model(network, build_head(RANDOM, features, 3))

    sha256 = models.save_model(whole, ["a", "b", "c"], path)

    assert [file.name for file in folder.iterdir()] == ["model.keras"]
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read(models.CLASSES_FILE)) == ["a", "b", "c"]
