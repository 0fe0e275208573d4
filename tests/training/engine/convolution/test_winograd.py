from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.training.engine.convolution import winograd

# Of the largest value: the transforms multiply by up to 8, and round more than a sum does.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def tensorflow():
    return pytest.importorskip("tensorflow")


@pytest.fixture
def uncompiled(tensorflow):
    """Compute each operation at once: XLA would compile for each shape."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


def draw(shape, seed):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def assert_equals_keras(images, size, channels, padding, seed):
    import keras

    pixels, bias = draw((images, *size, channels[0]), seed), draw(channels[1:], seed)
    kernel = draw((3, 3, *channels), seed)
    layer = keras.layers.Conv2D(channels[1], 3, padding=padding, activation="relu")
    layer.build(pixels.shape)
    layer.set_weights([kernel, bias])
    expected = np.asarray(layer(pixels))

    transformed = winograd.transform_kernel(kernel)
    computed = np.asarray(
        winograd.convolve(pixels, transformed, bias, padding, keras.activations.relu)
    )

    assert computed.shape == expected.shape
    largest = max(np.abs(expected).max(), 1.0)
    np.testing.assert_allclose(computed, expected, rtol=0, atol=TOLERANCE * largest)


@pytest.mark.usefixtures("uncompiled")
@settings(max_examples=40, deadline=None)
@given(
    images=st.integers(1, 3),
    size=st.tuples(st.integers(3, 14), st.integers(3, 14)),
    channels=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    padding=st.sampled_from(["same", "valid"]),
    seed=st.integers(0, 2**16),
)
def test_it_computes_what_keras_computes(images, size, channels, padding, seed):
    assert_equals_keras(images, size, channels, padding, seed)


@pytest.mark.parametrize(
    ("size", "padding"), [((8, 8), "same"), ((7, 10), "same"), ((10, 7), "valid")]
)
@pytest.mark.usefixtures("tensorflow")
def test_compiled_it_computes_the_same(size, padding):
    assert_equals_keras(2, size, (16, 24), padding, 1)
