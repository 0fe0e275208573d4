from __future__ import annotations

import numpy as np
import pytest

from dl_magics.errors import NotTrained
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.tuning.range_test import find_learning_rate, measure_losses
from support import tiny_keras
from support.backbones import small_model


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_model.save_beside(tiny_keras.photos(tmp_path_factory.mktemp("photos"), 12))


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    """A folder with a run, and its features."""
    folder = tmp_path_factory.mktemp("runs")
    tiny_keras.train(data, folder, epochs=1)
    return folder


def test_the_rates_grow_until_the_loss_diverges_and_the_run_is_left_as_it_is(data, folder):
    before = {each: each.stat().st_mtime_ns for each in sorted(folder.rglob("*"))}

    curve = find_learning_rate(tiny_keras.recipe(data), "run", folder / "features")

    ratios = np.diff(np.log10(curve.rates))
    assert curve.rates[0] == pytest.approx(1e-6)
    np.testing.assert_allclose(ratios, 7 / 99, rtol=1e-6)
    assert 20 < len(curve.rates) == len(curve.losses) <= 100
    assert max(curve.losses) <= 4.0001 * min(curve.losses) or len(curve.losses) == 100
    assert min(curve.losses) < curve.losses[0]
    assert 1e-6 < curve.suggestion < curve.lowest
    assert {each: each.stat().st_mtime_ns for each in sorted(folder.rglob("*"))} == before


def test_the_same_seed_gives_the_same_curve(data, folder):
    recipe = tiny_keras.recipe(data)

    one, other = (find_learning_rate(recipe, "run", folder / "features") for _ in range(2))

    assert one == other


def test_the_first_loss_is_that_of_a_head_that_was_not_trained_yet():
    random = np.random.default_rng(0)
    examples = Examples(random.normal(size=(40, 6)).astype(np.float32), np.arange(40) % 2, None)
    recipe = tiny_keras.recipe("photos", heads=5, dense=[4], dropout=0.0)

    curve = measure_losses(recipe, "run", examples, 2)

    assert curve.heads == 5
    # The averaged probabilities of heads that guess are near one half.
    assert curve.losses[0] == pytest.approx(np.log(2), abs=0.5)


def test_features_that_are_missing_are_named(data, folder, tmp_path):
    with pytest.raises(NotTrained, match="they are not in the feature store"):
        find_learning_rate(tiny_keras.recipe(data), "run", tmp_path)
    with pytest.raises(NotTrained, match="features of 20 of 20 images are missing") as caught:
        find_learning_rate(tiny_keras.recipe(data, augment=1), "run", folder / "features")
    assert caught.value.fix.startswith("Run the cell again")
