"""Maps by hiding parts of an image; those of transformers: tests/training/backbones/test_hub.py."""

from __future__ import annotations

import numpy as np
import pytest

from dl_magics.training.backbones.backbone import Backbone
from dl_magics.training.engine import networks
from dl_magics.training.evaluation.grad_cam import GradCam
from dl_magics.training.evaluation.model_parts import take_apart
from dl_magics.training.evaluation.occlusion import Occlusion, hide_fields

SIZE, FIELD = 28, 4
WITH = 1


def build_parts(weight):
    """Return the parts of a model whose network has no map, but the mean of all pixels."""
    import keras

    pixels = keras.Input((SIZE, SIZE, 3))
    base = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels))
    frozen = Backbone(base).add_ends(SIZE, None)
    features = keras.Input(frozen.output_shape[1:])
    dense = keras.layers.Dense(4)
    two_heads = keras.layers.Reshape((2, 2))(dense(features))
    head = keras.Model(features, two_heads, name="head")
    # A light field counts more than the mean colour that hides it.
    dense.set_weights([weight * np.tile([-1.0, 1.0], (3, 2)), np.zeros(4)])
    inputs = keras.Input((SIZE, SIZE, 3))
    return take_apart(keras.Model(inputs, networks.join_probabilities(head(frozen(inputs)))))


def photo(row, column):
    """Return a dark photo with one light field."""
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
    pixels[FIELD * row : FIELD * (row + 1), FIELD * column : FIELD * (column + 1)] = 255
    return pixels


def test_the_map_is_highest_where_the_class_is_lost_without_a_field():
    parts, places, done = build_parts(1.0), [(2, 5), (6, 1), (0, 0)], []

    maps = Occlusion(parts).draw_maps(
        np.stack([photo(*each) for each in places]),
        [WITH] * len(places),
        lambda *numbers: done.append(numbers),
    )

    assert not GradCam(parts).is_possible
    assert [np.unravel_index(each.argmax(), each.shape) for each in maps] == places
    assert [np.count_nonzero(each) for each in maps] == [1] * len(places)
    assert maps.max() == 1
    assert done == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("weight", [0.0, 1e-4])
def test_nothing_that_speaks_for_the_class_is_an_empty_map(weight):
    (drawn,) = Occlusion(build_parts(weight)).draw_maps(photo(2, 5)[None], [WITH])

    assert not drawn.any()


@pytest.mark.parametrize("size", [32, 100, 224])
def test_each_pixel_is_hidden_once(size):
    image = np.full((size, size, 3), 100, np.uint8)
    image[::2] = 200
    whole, *hidden = hide_fields(image)

    np.testing.assert_array_equal(whole, image)
    np.testing.assert_array_equal(sum((each != image).astype(int) for each in hidden), 1)
