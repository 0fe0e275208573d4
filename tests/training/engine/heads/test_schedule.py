from __future__ import annotations

import numpy as np
import pytest

from dl_magics.training.engine.heads import keras_code
from dl_magics.training.engine.heads.schedule import build_schedule
from dl_magics.training.recipe.recipe import check_settings

CASES = [
    # images, settings, steps, steps of the warm-up
    (1119, {"batch_size": 64, "unfreeze_epochs": 3}, 54, 5),
    (1120, {}, 105, 10),
    (20, {"batch_size": 5, "unfreeze_epochs": 2, "fine_learning_rate": 0.1}, 8, 1),
    (4, {"unfreeze_epochs": 1}, 1, 1),
]


def recipe_of(settings):
    return check_settings("photos", {"unfreeze": "block5", **settings})


@pytest.mark.parametrize(("images", "settings", "steps", "warm_up"), CASES)
def test_the_rate_rises_for_a_tenth_of_the_steps_and_falls_to_a_hundredth(
    images, settings, steps, warm_up
):
    recipe = recipe_of(settings)
    schedule = build_schedule(recipe, images)

    rates = np.array([float(schedule(step)) for step in range(steps + 1)]) / recipe.fine_rate

    assert rates[0] == pytest.approx(0.1)
    assert (np.diff(rates[: warm_up + 1]) > 0).all()
    assert rates[warm_up] == pytest.approx(1)
    assert (np.diff(rates[warm_up:]) < 0).all()
    assert steps == warm_up or rates[-1] == pytest.approx(0.01)


@pytest.mark.parametrize(("images", "settings", "steps", "warm_up"), CASES)
def test_the_script_of_explain_has_the_same_schedule(images, settings, steps, warm_up):
    import keras

    recipe = recipe_of(settings)
    batches = steps // recipe.unfreeze_epochs
    names = {"keras": keras, "train": range(batches)}

    exec(keras_code.write_fine_tuning(recipe)["schedule"], names)

    expected = build_schedule(recipe, images).get_config()
    assert names["rate"].get_config() == pytest.approx(expected)
    assert expected["warmup_steps"] == warm_up
