from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dl_magics.training.crew import computing
from dl_magics.training.crew.crew import Network
from dl_magics.training.engine import device, fingerprint, networks
from dl_magics.training.engine.convolution import replacement
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.storage import spaces
from support import tiny_keras

CPU = Device("cpu", "a CPU", 2**30, winograd=True)
PHOTO = (32, 32, 128)


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def recipe():
    return Recipe(data="photos", weights=None, image_size=64, mixed_precision=False)


@pytest.fixture(scope="module")
def frozen(keras, recipe, tmp_path_factory):
    return networks.build_frozen(recipe, "float32", tmp_path_factory.mktemp("w"), winograd=True)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)


def list_layers(model):
    for layer in model.layers:
        yield layer
        yield from list_layers(layer) if hasattr(layer, "layers") else ()


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        (PHOTO, {}, True),
        ((33, 35, 128), {"padding": "valid"}, True),
        ((32, 32, 64), {}, False),  # its transforms take as long as the products that they save
        (PHOTO, {"filters": 64}, False),
        ((8, 8, 128), {}, False),  # compiling takes longer than it saves
        ((1, 800, 128), {}, False),  # most of each tile would be empty
        ((None, None, 128), {}, False),
        (PHOTO, {"kernel_size": 5}, False),
        (PHOTO, {"strides": 2}, False),
        (PHOTO, {"dilation_rate": 2}, False),
        (PHOTO, {"groups": 2}, False),
        (PHOTO, {"dtype": "mixed_bfloat16"}, False),
    ],
)
def test_large_plain_convolutions_are_replaced(keras, shape, options, expected):
    pixels = keras.Input(shape)
    layer = keras.layers.Conv2D(**{"filters": 128, "kernel_size": 3, "padding": "same", **options})
    layer(pixels)

    assert replacement.is_faster(layer) == expected


def test_a_network_without_such_layers_is_left_as_it_is(keras):
    network = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(8, 3)])

    assert replacement.replace_convolutions(network) == (network, 0)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_only_tensorflow_gains(backend):
    assert not replacement.is_supported(backend)


def test_the_features_are_those_of_the_plain_network(frozen, pixels):
    fast = frozen.fast.predict_on_batch(pixels)
    plain = frozen.plain.predict_on_batch(pixels)

    assert frozen.winograd == 5
    difference = np.abs(fast - plain).max() / np.abs(plain).max()
    assert 0 < difference < 1e-4


def test_the_model_that_is_saved_has_layers_of_keras_alone(frozen):
    assert {type(layer).__module__.partition(".")[0] for layer in list_layers(frozen.plain)} == {
        "keras"
    }


def test_an_incomplete_batch_has_the_same_features_to_the_last_bit(frozen, pixels):
    compute = KerasCompute(frozen.fast, CPU, len(pixels))

    whole, part = compute.start(pixels)(), compute.start(pixels[:3])()

    np.testing.assert_array_equal(part, whole[:3])


@pytest.mark.usefixtures("frozen")  # the run finds this network compiled
def test_a_run_in_float32_keeps_such_features(tmp_path):
    if not device.detect_device().winograd:
        pytest.skip("this device does not gain from it")
    data = tiny_keras.photos(tmp_path / "photos", 8)

    tiny_keras.train(data, tmp_path, image_size=64, batch_size=4, epochs=1)

    (folder,) = (tmp_path / "features").iterdir()
    about = spaces.read_description(folder)
    assert about["convolution"] == "Winograd F(4x4, 3x3), 5 layers"


def test_such_features_are_a_space_of_their_own(frozen, recipe, tmp_path):
    plain = networks.build_frozen(recipe, "float32", tmp_path)

    fast, other = (
        fingerprint.feature_space(recipe, each, "float32", CPU) for each in (frozen, plain)
    )

    assert plain.sha256 == frozen.sha256
    assert fast == other | {"convolution": "Winograd F(4x4, 3x3), 5 layers"}


def test_half_precision_and_other_models_are_computed_as_before(recipe, tmp_path):
    half = networks.build_frozen(recipe, "mixed_bfloat16", tmp_path, winograd=True)
    small = replace(recipe, model="MobileNetV2", image_size=32)

    assert half.winograd == 0
    assert networks.build_frozen(small, "float32", tmp_path, winograd=True).winograd == 0


class Crew:
    """Keeps what its workers are told to build."""

    size = 2

    def use_network(self, network):
        self.network = network


def test_the_workers_of_a_crew_compute_in_the_same_way(frozen, recipe):
    crew, store = Crew(), object()

    filled, _ = computing.choose_compute(crew, recipe, frozen, "float32", CPU, 32, store, None)

    assert filled is store
    assert crew.network == Network("float32", frozen.sha256, frozen.features, 32, winograd=True)
