from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.errors import BadSetting
from dl_magics.training.engine.heads.examples import (
    Examples,
    require_weighted_classes,
    weigh_classes,
)
from dl_magics.training.recipe.recipe import check_settings

CLASSES = ("cats", "dogs", "fish")
LABELS = np.array([0, 0, 0, 0, 1, 2, 2, 2])


@pytest.mark.parametrize(
    ("class_weight", "weights"),
    [
        # n / (classes * images of the class), the formula of scikit-learn
        ("balanced", [8 / 12, 8 / 3, 8 / 9]),
        ({"dogs": 3}, [1, 3, 1]),
    ],
)
def test_a_class_has_a_weight(class_weight, weights):
    recipe = check_settings("photos", {"class_weight": class_weight})

    np.testing.assert_allclose(weigh_classes(recipe, CLASSES, LABELS), weights, rtol=1e-6)


def test_balanced_weights_give_each_class_the_same_share():
    recipe = check_settings("photos", {"class_weight": "balanced"})

    weights = weigh_classes(recipe, CLASSES, LABELS)

    assert weights is not None
    np.testing.assert_allclose(np.bincount(LABELS, weights[LABELS]), [8 / 3] * 3, rtol=1e-6)


def test_without_class_weight_no_image_has_one():
    assert weigh_classes(check_settings("photos", {}), CLASSES, LABELS) is None


def test_a_weight_of_an_unknown_class_is_refused():
    recipe = check_settings("photos", {"class_weight": {"cats": 2, "dog": 3}})

    with pytest.raises(BadSetting) as caught:
        require_weighted_classes(recipe, CLASSES)

    assert caught.value._render_traceback_() == [
        "BadSetting: class_weight names 'dog', which is no class of photos.",
        "  Its classes: cats, dogs, fish. One that is not named has the weight 1.",
    ]


def views_of(*counts):
    """Return examples with so many views of each image, side by side."""
    images = np.repeat(np.arange(len(counts)), counts)
    return Examples(np.zeros((len(images), 1), np.float32), np.zeros_like(images), images=images)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(1, 9), st.integers(0, 9))
def test_an_epoch_has_one_view_of_each_image(counts, epoch, seed):
    examples = views_of(*counts)

    drawn = examples.draw_epoch(epoch, seed)

    assert sorted(examples.images[drawn]) == list(range(len(counts)))
    assert examples.images_per_epoch == len(counts)
    np.testing.assert_array_equal(examples.draw_epoch(epoch, seed), drawn)


def test_each_view_is_drawn_as_often_as_the_others():
    examples = views_of(4, 4, 2)

    drawn = np.concatenate([examples.draw_epoch(epoch, 0) for epoch in range(1, 401)])

    often = np.bincount(drawn, minlength=10)
    np.testing.assert_allclose(often, [100] * 8 + [200] * 2, rtol=0.3)


def test_without_copies_an_epoch_has_all_images_in_a_random_order():
    alone = Examples(np.zeros((50, 1), np.float32), np.zeros(50, np.int64))

    drawn = alone.draw_epoch(2, 1)

    assert sorted(drawn) == list(range(50))
    np.testing.assert_array_equal(drawn, views_of(*[1] * 50).draw_epoch(2, 1))
    assert list(drawn) != list(alone.draw_epoch(3, 1))
