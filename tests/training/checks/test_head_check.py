from __future__ import annotations

import pytest

from dl_magics.errors import BadSetting
from dl_magics.training.checks.head_check import require_loadable_head
from dl_magics.training.engine import pipeline
from dl_magics.training.recipe.recipe import Recipe
from support import tiny_keras

SHAPE = (16,)

OWN_LAYER = """
class Twice(layers.Layer):
    def call(self, x):
        return 2 * x

def head(features):
    return Twice()(features)
"""


def try_head(source):
    require_loadable_head(Recipe(data="photos", head=source), SHAPE, 3)


@pytest.mark.parametrize(
    "made",
    [
        "layers.Dense(8, activation='gelu')(features)",
        "ops.concatenate([features, ops.square(features)], axis=-1)",
        "layers.BatchNormalization()(features)",
    ],
)
def test_layers_and_operations_of_keras_are_accepted(made):
    try_head(f"def head(features):\n    return {made}")


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("def head(features):\n    return layers.Lambda(lambda x: 2 * x)(features)", "Lambda"),
        (
            "def head(features):\n    return layers.Dense(4, activation=lambda x: 2 * x)(features)",
            "source code",
        ),
        (OWN_LAYER, "Twice"),
    ],
)
def test_what_holds_code_is_refused_with_the_way_out(source, named):
    with pytest.raises(BadSetting, match=named) as refused:
        try_head(source)

    assert "could not be loaded from its file" in str(refused.value)
    assert "keras.ops" in refused.value.fix


def test_a_head_that_cannot_be_computed_is_refused():
    with pytest.raises(BadSetting, match="cannot be computed") as refused:
        try_head("def head(features):\n    return ops.reshape(features, (7, 16))")

    assert "(None, 16)" in refused.value.fix


def test_a_recipe_without_a_head_of_its_own_is_not_tried():
    require_loadable_head(Recipe(data="photos"), SHAPE, 3)


def test_it_is_refused_before_the_first_image_is_read(tmp_path):
    recipe = tiny_keras.recipe(
        tiny_keras.photos(tmp_path / "photos"),
        head="def head(features):\n    return layers.Lambda(lambda x: 2 * x)(features)",
    )
    events: list = []

    with pytest.raises(BadSetting, match="Lambda"):
        events.extend(pipeline.run(recipe, tiny_keras.paths(tmp_path)))

    assert "features" not in {getattr(each, "phase", None) for each in events}
