"""Maps of vision transformers: small ones of KerasHub with random weights."""

from __future__ import annotations

import numpy as np
import pytest

from dl_magics.training.backbones.backbone import Backbone, Scaling
from dl_magics.training.engine import networks
from dl_magics.training.evaluation.grad_cam import GradCam
from dl_magics.training.evaluation.model_parts import take_apart
from dl_magics.training.evaluation.occlusion import Occlusion, hide_fields

SIZE, PATCH = 56, 8
WITHOUT_PATCH, WITH_PATCH = 0, 1


def build_vit(models):
    return Backbone(
        models.ViTBackbone((SIZE, SIZE, 3), PATCH, 2, 2, 16, 32), Scaling(1 / 127.5, -1.0), 1
    )


def build_dinov2(models):
    network = models.DINOV2Backbone(
        PATCH,
        num_layers=2,
        hidden_dim=16,
        num_heads=2,
        intermediate_dim=32,
        image_shape=(SIZE, SIZE, 3),
        position_embedding_shape=(SIZE, SIZE),
        num_register_tokens=4,
    )
    return Backbone(network, Scaling(1 / 127.5, -1.0), 5, "images")


def photo(*patches):
    """Return some noise with white patches at these rows and columns of the grid."""
    pixels = np.random.default_rng(0).integers(100, 108, (SIZE, SIZE, 3), np.uint8)
    for row, column in patches:
        pixels[PATCH * row : PATCH * (row + 1), PATCH * column : PATCH * (column + 1)] = 255
    return pixels


def build_model(build, weights_of):
    """Return a model as a run saves it; `weights_of` the frozen part are those of its head."""
    import keras
    import keras_hub

    keras.utils.set_random_seed(3)
    frozen = build(keras_hub.models).add_ends(SIZE, "cls")
    features = keras.Input(frozen.output_shape[1:])
    dense = keras.layers.Dense(2)
    head = keras.Model(features, dense(features), name="head")
    dense.set_weights([weights_of(frozen), np.zeros(2, np.float32)])
    inputs = keras.Input((SIZE, SIZE, 3))
    return keras.Model(inputs, networks.join_probabilities(head(frozen(inputs))))


def tell_by_patch(frozen):
    """Return weights whose second logit is higher the more the features are those of a patch."""
    without, there = frozen.predict_on_batch(np.stack([photo(), photo((2, 5))]))
    towards = (there - without) / np.linalg.norm(there - without)
    return 4 * np.stack([-towards, towards], axis=1)


@pytest.mark.parametrize("build", [build_vit, build_dinov2])
def test_the_map_is_highest_where_a_patch_drives_the_prediction(build):
    parts = take_apart(build_model(build, tell_by_patch))
    places = [(2, 5), (6, 1), (0, 0)]

    maps = Occlusion(parts).draw_maps(
        np.stack([photo(each) for each in places]), [WITH_PATCH] * len(places)
    )

    assert not GradCam(parts).is_possible
    assert [np.unravel_index(each.argmax(), each.shape) for each in maps] == places
    assert maps.max() == 1
    assert maps.min() == 0


def test_nothing_that_speaks_for_the_class_is_an_empty_map():
    parts = take_apart(build_model(build_vit, lambda _: np.zeros((16, 2), np.float32)))

    done = []
    (drawn,) = Occlusion(parts).draw_maps(
        photo((2, 5))[None], [WITHOUT_PATCH], lambda *numbers: done.append(numbers)
    )

    assert not drawn.any()
    assert done == [(1, 1)]


@pytest.mark.parametrize("size", [32, 100, 224])
def test_each_pixel_is_hidden_once(size):
    image = np.full((size, size, 3), 100, np.uint8)
    image[::2] = 200
    whole, *hidden = hide_fields(image)

    np.testing.assert_array_equal(whole, image)
    np.testing.assert_array_equal(sum((each != image).astype(int) for each in hidden), 1)
