from __future__ import annotations

import numpy as np
import pytest

from dl_magics.errors import BadSetting
from dl_magics.training.engine.heads import network, objective
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.scores import evaluate_head
from dl_magics.training.recipe import optimizers
from dl_magics.training.recipe.recipe import Recipe, check_settings

LABELS = np.array([0, 2, 1, 2, 0])


class Logits:
    """A head whose logits are its features."""

    def predict_on_batch(self, features):
        return features


def logits(*heads, spread=3.0):
    return np.random.default_rng(0).normal(0, spread, (len(LABELS), *heads, 3)).astype(np.float32)


@pytest.mark.parametrize("heads", [(), (1,), (4,)])
def test_the_metrics_of_training_are_those_of_validation(heads):
    given = logits(*heads)

    found = [np.mean(each(LABELS, given)) for each in (objective.cross_entropy, objective.accuracy)]

    checked = evaluate_head(Logits(), Examples(given, LABELS))
    assert found == pytest.approx([checked["loss"], checked["accuracy"]], rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_one_head_is_the_cross_entropy_of_keras(smoothing):
    import keras

    given, wanted = logits(), keras.utils.to_categorical(LABELS, 3)

    loss = np.asarray(objective.make_loss(smoothing)(LABELS, given))

    of_keras = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction=None
    )
    np.testing.assert_allclose(loss, of_keras(wanted, given), rtol=1e-5)


def test_the_loss_of_several_heads_is_the_sum_of_theirs():
    given, loss = logits(4), objective.make_loss(0.2)

    each = [np.asarray(loss(LABELS, given[:, n])) for n in range(4)]

    np.testing.assert_allclose(loss(LABELS, given), np.sum(each, axis=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "name", "arguments"),
    [
        ({}, "Adam", {"learning_rate": 1e-3, "weight_decay": None}),
        ({"optimizer": "adamw"}, "AdamW", {"weight_decay": 0.004}),
        ({"optimizer": "adamw", "weight_decay": 0.1}, "AdamW", {"weight_decay": 0.1}),
        (
            {"optimizer": {"class_name": "SGD", "config": {"momentum": 0.9}}, "learning_rate": 0.1},
            "SGD",
            {"momentum": 0.9, "learning_rate": 0.1},
        ),
    ],
)
def test_the_optimizer_is_that_of_keras_with_its_arguments(settings, name, arguments):
    built = objective.build_optimizer(check_settings("photos", settings))

    assert type(built).__name__ == name
    for argument, value in arguments.items():
        found = built.get_config()[argument]
        assert found == (value if value is None else pytest.approx(value, rel=1e-6))


def test_every_optimizer_of_the_setting_is_one_of_keras():
    for name in optimizers.NAMES:
        built = objective.build_optimizer(Recipe(data="photos", optimizer=name))
        assert type(built).__name__.lower() == name


def test_an_unknown_argument_of_an_optimizer_is_refused():
    wanted = {"class_name": "sgd", "config": {"momentun": 0.9}}

    with pytest.raises(BadSetting) as caught:
        objective.build_optimizer(check_settings("photos", {"optimizer": wanted}))

    happened, fix = caught.value._render_traceback_()
    assert "cannot build optimizer = {'class_name': 'sgd'" in happened
    assert "momentun" in happened.rpartition("}}: ")[2]
    assert fix == "  Its arguments: https://keras.io/api/optimizers/sgd"


@pytest.mark.parametrize("heads", [1, 2])
def test_the_training_step_is_traced_once_for_batches_of_any_size(heads, monkeypatch):
    recipe = Recipe(data="photos", dense=(4,), dropout=0.5, heads=heads)
    features = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    head = network.build_head(recipe, features, classes=3)
    step, traced = head.train_step, []
    monkeypatch.setattr(head, "train_step", lambda data: traced.append(1) or step(data))

    for size in (6, 6, 2, 4):
        head.train_on_batch(features[:size], np.arange(size) % 3)

    assert len(traced) == 1
