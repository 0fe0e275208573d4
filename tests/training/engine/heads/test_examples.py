from __future__ import annotations

import numpy as np
import pytest

from dl_magics.errors import BadSetting
from dl_magics.training.engine.heads.examples import require_weighted_classes, weigh_classes
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
