from __future__ import annotations

import numpy as np
import pytest

from dl_magics.training.backbones.backbone import SCALES, Backbone
from dl_magics.training.engine import networks
from dl_magics.training.evaluation.grad_cam import GradCam
from dl_magics.training.evaluation.gradients import gradient_of_logits
from dl_magics.training.evaluation.model_parts import take_apart
from dl_magics.training.recipe.applications import APPLICATIONS
from dl_magics.training.weights.graph import build_network

RED, BLUE = 0, 1


def build_model(head, *, pooling="avg", ends=()):
    """Return a model as a run saves it: its network has a map for red and one for blue."""
    import keras

    pixels = keras.Input((32, 32, 3))
    colours = keras.layers.Conv2D(2, 4, strides=4, use_bias=False, activation="relu")(pixels)
    for each in ends:
        colours = each(colours)
    base = keras.Model(pixels, colours)
    kernel = np.zeros((4, 4, 3, 2), np.float32)
    kernel[:, :, 0, RED] = kernel[:, :, 2, BLUE] = 1 / 16 / 255
    base.layers[1].set_weights([kernel])
    frozen = Backbone(base).add_ends(32, pooling)
    features = keras.Input(frozen.output_shape[1:])
    built = keras.Model(features, head(features), name="head")
    inputs = keras.Input((32, 32, 3))
    logits = built(frozen(inputs))
    return keras.Model(inputs, networks.join_probabilities(logits))


def dense(weights):
    import keras

    weights = np.array(weights, np.float32)
    made = keras.layers.Dense(weights.shape[1])

    def head(features):
        logits = made(features)
        made.set_weights([weights, np.zeros(weights.shape[1], np.float32)])
        return logits

    return head


def photo(*patches):
    """Return a black photo with patches of 4 x 4 pixels, (row, column, colour)."""
    pixels = np.zeros((1, 32, 32, 3), np.uint8)
    for row, column, colour in patches:
        pixels[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4, colour] = 255
    return pixels


@pytest.mark.parametrize("pooling", ["avg", "max"])
@pytest.mark.parametrize(("label", "patch"), [(0, (2, 5)), (1, (6, 1))])
def test_the_map_is_highest_where_the_class_is(pooling, label, patch):
    model = build_model(dense([[3, -1], [-2, 2]]), pooling=pooling)
    pixels = photo((2, 5, 0), (6, 1, 2))
    (drawn,) = GradCam(take_apart(model)).draw_maps(pixels, [label])

    assert drawn.shape == (8, 8)
    assert np.unravel_index(drawn.argmax(), drawn.shape) == patch
    assert drawn[patch] == 1
    assert np.count_nonzero(drawn) == 1


def test_for_a_mean_and_one_dense_layer_it_is_cam():
    weights = np.array([[3, -1], [-2, 2]], np.float32)
    model = build_model(dense(weights))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    drawn = GradCam(take_apart(model)).draw_maps(pixels, [0, 1, 0])

    maps = pixels.reshape(3, 8, 4, 8, 4, 3).mean((2, 4))[..., [0, 2]] / 255
    for each, label, found in zip(maps, [0, 1, 0], drawn, strict=True):
        cam = np.maximum(each @ weights[:, label], 0)
        np.testing.assert_allclose(found, cam / cam.max(), atol=1e-5)


def test_a_pooling_at_the_end_of_the_network_is_left_to_the_head():
    import keras

    model = build_model(dense([[3, -1], [-2, 2]]), ends=[keras.layers.MaxPooling2D()])
    (drawn,) = GradCam(take_apart(model)).draw_maps(photo((3, 5, 0)), [0])

    assert drawn.shape == (8, 8)
    assert np.unravel_index(drawn.argmax(), drawn.shape) == (3, 5)


def test_nothing_that_speaks_for_the_class_is_an_empty_map():
    model = build_model(dense([[3, -1], [-2, 2]]))
    (drawn,) = GradCam(take_apart(model)).draw_maps(photo((2, 5, 0)), [1])
    assert not drawn.any()


def test_the_gradient_is_that_of_finite_differences_also_for_several_heads():
    import keras

    keras.utils.set_random_seed(1)

    def heads(features):
        hidden = keras.layers.Dense(6, activation="tanh")(features)
        return keras.layers.Reshape((3, 2))(keras.layers.Dense(6)(hidden))

    _, tail = take_apart(build_model(heads)).build_map_parts()
    values = np.random.default_rng(1).normal(size=(2, 8, 8, 2)).astype(np.float32)
    found = gradient_of_logits(tail, values, [1, 0])

    step = 1e-2
    for row, label in ((0, 1), (1, 0)):
        for at in ((0, 0, 0), (3, 5, 1)):
            moved = [values.copy(), values.copy()]
            moved[0][(row, *at)] += step
            moved[1][(row, *at)] -= step
            high, low = (np.asarray(tail(each))[row].mean(0)[label] for each in moved)
            assert found[(row, *at)] == pytest.approx((high - low) / (2 * step), rel=0.05, abs=1e-5)


def test_the_parts_of_vgg16_compute_what_the_whole_computes():
    import keras

    application = APPLICATIONS["VGG16"]
    base = build_network(application, 32)
    frozen = Backbone(base, SCALES[application.preprocessing]).add_ends(32, "avg")
    features = keras.Input(frozen.output_shape[1:])
    head = keras.Model(features, keras.layers.Dense(3)(features))
    inputs = keras.Input((32, 32, 3))
    logits = head(frozen(inputs))
    model = keras.Model(inputs, networks.join_probabilities(logits))
    pixels = np.random.default_rng(2).integers(0, 256, (2, 32, 32, 3), np.uint8)

    network, tail = take_apart(model).build_map_parts()
    found = keras.ops.softmax(tail(network(pixels, training=False), training=False))
    np.testing.assert_allclose(np.asarray(found), model.predict_on_batch(pixels), atol=1e-5)
    assert network.output_shape[1:3] == (2, 2)  # in front of the last pooling
