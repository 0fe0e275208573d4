from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest

from dl_magics.training.engine import networks
from dl_magics.training.recipe.applications import APPLICATIONS
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.weights import weights
from dl_magics.training.weights.graph import build_network, describe_graph, graph_sha256

SIZE = 32
PROBE = APPLICATIONS["EfficientNetB0"]
# Some of each kind; `make networks` compares all of them.
COMPARED = (
    list(APPLICATIONS)
    if os.environ.get("NETWORKS") == "all"
    else ["ConvNeXtTiny", "MobileNetV3Small", "VGG16"]
)

pytestmark = pytest.mark.filterwarnings("ignore:.*input_shape. is undefined or non-square")


@pytest.fixture
def build_as_keras_does(monkeypatch):
    """Let Keras build a network for "imagenet"; its host serves the given file."""

    def build(application, size, served=None):
        import keras

        with monkeypatch.context() as patch:
            patch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(served))
            if served is None:
                patch.setattr("keras.Model.load_weights", lambda *_: None)
            made = getattr(keras.applications, application.name)
            return made(include_top=False, weights="imagenet", input_shape=(size, size, 3))

    return build


@pytest.fixture(scope="module")
def shallow():
    """Let Keras build EfficientNets with one block in each stage, but two in the second.

    The second of a stage has what no first one has: the sum with its input.
    """
    from keras.src.applications import efficientnet

    first, second, *others = efficientnet.DEFAULT_BLOCKS_ARGS
    once = [{**stage, "repeats": 1} for stage in others]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(efficientnet, "DEFAULT_BLOCKS_ARGS", [first, second, *once])
        yield


@pytest.fixture(scope="module")
def served(shallow, tmp_path_factory):
    """A file with weights for the probe; its normalization is not that of a new network."""
    network = build_network(PROBE, SIZE)
    draw = np.random.default_rng(0)
    for layer in network.layers:
        layer.set_weights(
            [
                draw.normal(value, 0.05).astype(value.dtype) if value.ndim else value
                for value in layer.get_weights()
            ]
            if "normalization" not in layer.name.replace("batch", "")
            else [np.full_like(value, 0.25) for value in layer.get_weights()]
        )
    file = tmp_path_factory.mktemp("served") / "efficientnet.weights.h5"
    network.save_weights(file)
    return file


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (2, SIZE, SIZE, 3)).astype("float32")


def compute(network, pixels):
    """Return the output without tracing a function, which takes longer than to compute once."""
    return np.asarray(network(pixels, training=False))


@pytest.mark.parametrize("name", COMPARED)
def test_a_network_has_the_graph_that_keras_builds_for_imagenet(name, build_as_keras_does):
    size = max(APPLICATIONS[name].smallest, SIZE)

    ours = build_network(APPLICATIONS[name], size)

    theirs = build_as_keras_does(APPLICATIONS[name], size)
    assert describe_graph(ours) == describe_graph(theirs)
    assert [tuple(value.shape) for value in ours.weights] == [
        tuple(value.shape) for value in theirs.weights
    ]


def test_efficientnet_computes_what_keras_computes_wherever_its_weights_come_from(
    build_as_keras_does, served, pixels, tmp_path, monkeypatch
):
    import keras

    theirs = build_as_keras_does(PROBE, SIZE, served)
    wanted = compute(theirs, pixels)
    cache = tmp_path / "keras" / "models"
    cache.mkdir(parents=True)
    (cache / "cached.weights.h5").write_bytes(served.read_bytes())
    monkeypatch.setenv("KERAS_HOME", str(cache.parent))
    digest = hashlib.sha256(served.read_bytes()).hexdigest()
    cached = replace(PROBE, file="cached.weights.h5", digest=digest)

    from_cache = weights.load_base(cached, SIZE, "imagenet", tmp_path)
    recipe = Recipe(data="photos", model=PROBE.name, image_size=SIZE, weights=str(served))
    networks._frozen.cache_clear()
    half = networks.build_frozen(replace(recipe, pooling=None), "mixed_bfloat16", tmp_path)

    assert len(from_cache.layers) == len(theirs.layers)
    np.testing.assert_array_equal(compute(from_cache, pixels), wanted)
    np.testing.assert_array_equal(compute(half.plain, pixels), wanted)
    fast = compute(half.fast, pixels)
    assert np.abs(fast - wanted).max() < 0.1 * np.abs(wanted).max()
    half.plain.save(tmp_path / "saved.keras")
    loaded = keras.models.load_model(tmp_path / "saved.keras")
    np.testing.assert_array_equal(compute(loaded, pixels), wanted)


def test_the_digest_of_a_graph_changes_with_a_layer_and_not_with_precision_or_names(
    shallow,
):
    import keras

    ours = build_network(PROBE, SIZE)
    without = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(SIZE, SIZE, 3)
    )
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = build_network(PROBE, SIZE)
    finally:
        keras.config.set_dtype_policy(before)

    assert graph_sha256(half) == graph_sha256(ours)
    assert graph_sha256(without) != graph_sha256(ours)
