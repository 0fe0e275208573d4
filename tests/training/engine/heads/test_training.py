from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from dl_magics.errors import TrainingFailed
from dl_magics.runs.events import EpochEnded, Progressed
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.network import build_head
from dl_magics.training.engine.heads.scores import evaluate_head
from dl_magics.training.engine.heads.training import Best, TrainingState, train_head
from dl_magics.training.recipe.recipe import check_settings


def examples(n, seed=0, noise=1.0):
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, 2, n)
    features = chance.normal(0, noise, (n, 4)) + labels[:, None]
    return Examples(features.astype(np.float32), labels)


def new_head(train, **settings):
    recipe = check_settings(
        "any", {"dense": [8], "dropout": 0, "learning_rate": 0.01, "heads": 1, **settings}
    )
    return build_head(recipe, train.features, 2)


def learnt(head, train, valid, **changed):
    standing = TrainingState()
    usual = {"epochs": 3, "batch_size": 16, "patience": 10, "seed": 42, "rate": 99}
    usual["stop"] = lambda: False
    events = list(train_head(head, train, valid, standing=standing, **usual | changed))
    return [event for event in events if isinstance(event, EpochEnded)], standing.best, events


def by_hand(head, given):
    """Return loss and accuracy, computed from the predictions with NumPy."""
    logits = np.asarray(head.predict_on_batch(given.features), np.float64)
    logits -= logits.max(1, keepdims=True)
    likely = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    right = (logits.argmax(1) == given.labels).mean()
    return {"loss": -likely[np.arange(len(given)), given.labels].mean(), "accuracy": right}


@pytest.fixture(scope="module")
def train():
    return examples(64)


@pytest.fixture(scope="module")
def valid():
    return examples(33, seed=1)


@pytest.mark.parametrize("n", [1, 33, 1024, 1025, 2500])
def test_evaluation_is_the_mean_over_all_images_for_any_batch_size(train, n):
    head, given = new_head(train), examples(n, seed=2)

    assert evaluate_head(head, given) == pytest.approx(by_hand(head, given), abs=1e-5)


def test_evaluation_does_not_change_the_head(train, valid):
    head = new_head(train)

    assert evaluate_head(head, valid) == evaluate_head(head, valid)


def test_each_epoch_reports_its_metrics(train, valid):
    epochs, _, _ = learnt(new_head(train), train, valid)

    assert [each.epoch for each in epochs] == [1, 2, 3]
    assert all(
        set(each.logs) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}
        for each in epochs
    )
    assert epochs[0].logs["learning_rate"] == pytest.approx(0.01)
    assert epochs[-1].logs["loss"] < epochs[0].logs["loss"]


def test_the_training_loss_is_the_mean_over_all_images_of_an_epoch():
    given = examples(50)
    head = new_head(given, learning_rate=1e-12)

    (epoch,), _, _ = learnt(head, given, given, epochs=1, batch_size=16)

    truth = by_hand(head, given)
    assert epoch.logs["loss"] == pytest.approx(truth["loss"], abs=1e-5)
    assert epoch.logs["accuracy"] == pytest.approx(truth["accuracy"], abs=1e-5)
    assert epoch.logs["val_loss"] == pytest.approx(truth["loss"], abs=1e-5)


def test_an_epoch_trains_on_one_view_of_each_image():
    given = examples(60)
    given = Examples(given.features, given.labels, images=np.repeat(np.arange(20), 3))
    head = new_head(given, learning_rate=1e-12)
    batches = []

    (epoch,), _, _ = learnt(
        head,
        given,
        given,
        epochs=1,
        keep=lambda standing: batches.append(standing.means.images) or (),
    )

    drawn = given.draw_epoch(1, 42)
    truth = by_hand(head, Examples(given.features[drawn], given.labels[drawn]))
    assert batches == [16, 20, 0]
    assert epoch.logs["loss"] == pytest.approx(truth["loss"], abs=1e-5)


def test_the_losses_of_weighted_images_are_means_by_their_weights():
    plain = examples(50)
    given = Examples(plain.features, plain.labels, np.where(plain.labels, 3, 1).astype("float32"))
    head = new_head(given, learning_rate=1e-12)

    (epoch,), _, _ = learnt(head, given, given, epochs=1, batch_size=16)

    parts = [
        by_hand(head, Examples(plain.features[chosen], plain.labels[chosen]))
        for chosen in (plain.labels == 0, plain.labels == 1)
    ]
    ones = int(plain.labels.sum())
    loss = (50 - ones) * parts[0]["loss"] + 3 * ones * parts[1]["loss"]
    assert epoch.logs["loss"] == pytest.approx(loss / (50 + 2 * ones), abs=1e-5)
    assert epoch.logs["val_loss"] == pytest.approx(loss / (50 + 2 * ones), abs=1e-5)
    assert epoch.logs["accuracy"] == pytest.approx(by_hand(head, plain)["accuracy"], abs=1e-6)


def test_a_weighted_class_is_recognized_more_often(train, valid):
    shares = []
    for weight in (1, 50):
        given, checked = (
            Examples(each.features, each.labels, np.where(each.labels, weight, 1).astype("f4"))
            for each in (train, valid)
        )
        head = new_head(train)
        learnt(head, given, checked, epochs=20)
        shares.append(np.mean(np.argmax(head.predict_on_batch(valid.features), axis=1)))

    assert shares[1] > shares[0] + 0.2


def test_the_loss_of_several_heads_is_reported_without_smoothing():
    given = examples(50)
    head = new_head(given, learning_rate=1e-12, heads=3, label_smoothing=0.5)

    (epoch,), _, _ = learnt(head, given, given, epochs=1, batch_size=16)

    assert epoch.logs["loss"] == pytest.approx(epoch.logs["val_loss"], abs=1e-5)
    assert epoch.logs["accuracy"] == pytest.approx(epoch.logs["val_accuracy"], abs=1e-6)


def test_the_head_ends_with_the_weights_of_its_best_epoch(train):
    valid = Examples(examples(33, seed=1).features, 1 - examples(33, seed=1).labels)
    head = new_head(train)

    epochs, best, _ = learnt(head, train, valid, epochs=4)

    assert [each.best for each in epochs] == [True, False, False, False]
    assert best.epoch == 1
    assert evaluate_head(head, valid)["loss"] == pytest.approx(epochs[0].logs["val_loss"], abs=1e-6)
    assert evaluate_head(head, valid)["loss"] < epochs[-1].logs["val_loss"]


def test_the_best_epoch_is_the_one_with_the_lowest_val_loss(train, valid):
    epochs, best, _ = learnt(new_head(train, learning_rate=0.3), train, valid, epochs=8)

    lowest = min(epochs, key=lambda each: each.logs["val_loss"])
    assert best.epoch == lowest.epoch
    assert best.logs == lowest.logs
    falling = [float("inf")]
    for each in epochs:
        assert each.best == (each.logs["val_loss"] < falling[-1])
        falling.append(min(falling[-1], each.logs["val_loss"]))


@pytest.mark.parametrize("patience", [1, 3])
def test_training_stops_after_patience_epochs_without_lower_val_loss(train, patience):
    valid = Examples(examples(33, seed=1).features, 1 - examples(33, seed=1).labels)

    epochs, best, _ = learnt(new_head(train), train, valid, epochs=50, patience=patience)

    assert best.epoch == 1
    assert len(epochs) == 1 + patience


def test_a_stop_before_the_first_batch_leaves_no_epoch(train, valid):
    head = new_head(train)
    before = head.get_weights()

    epochs, best, _ = learnt(head, train, valid, stop=lambda: True)

    assert epochs == []
    assert best == Best()
    for one, other in zip(before, head.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_stop_within_an_epoch_keeps_the_previous_best(train, valid):
    head, asked = new_head(train), count()

    epochs, best, _ = learnt(
        head, train, valid, batch_size=16, epochs=9, stop=lambda: next(asked) >= 12
    )

    assert [each.epoch for each in epochs] == [1, 2]
    assert best.epoch == 2
    assert evaluate_head(head, valid)["loss"] == pytest.approx(best.logs["val_loss"], abs=1e-6)


def test_the_same_seed_gives_the_same_numbers(train, valid):
    runs = [learnt(new_head(train, dropout=0.5), train, valid)[0] for _ in range(2)]

    assert runs[0] == runs[1]


def test_another_seed_gives_another_order(train, valid):
    one, other = (learnt(new_head(train), train, valid, seed=seed)[0] for seed in (1, 2))

    assert one[0].logs["loss"] != other[0].logs["loss"]


def test_auto_is_a_batch_size_of_32(train, valid):
    auto, same = (
        learnt(new_head(train), train, valid, batch_size=size)[0] for size in ("auto", 32)
    )

    assert auto == same


def test_a_last_batch_of_one_image_counts_as_one():
    given = examples(17)
    head = new_head(given, learning_rate=1e-12)

    (epoch,), _, _ = learnt(head, given, given, epochs=1)

    assert epoch.logs["loss"] == pytest.approx(by_hand(head, given)["loss"], abs=1e-5)


def test_progress_counts_epochs(train, valid):
    _, _, events = learnt(new_head(train), train, valid, epochs=150, patience=1000)

    progress = [event for event in events if isinstance(event, Progressed)]
    assert progress
    assert len(progress) < 150
    assert all(event.total == 150 and 0 <= event.done <= 150 for event in progress)
    assert [event.done for event in progress] == sorted(event.done for event in progress)


def test_divergence_in_the_first_epoch_raises_training_failed(train, valid):
    head = new_head(train, learning_rate=99, dense=[])
    broken = Examples(np.full_like(train.features, np.nan), train.labels)

    with pytest.raises(TrainingFailed) as failed:
        learnt(head, broken, valid)

    assert failed.value._render_traceback_() == [
        "TrainingFailed: Training diverged in epoch 1: the loss is NaN or infinite "
        "(learning_rate = 99).",
        "  Lower the learning rate: learning_rate = 0.001",
    ]


def test_later_divergence_keeps_the_best_weights_with_a_warning(train, valid):
    head = new_head(train, dense=[])
    poisoned = Examples(train.features.copy(), train.labels)
    events = []
    usual = {"epochs": 5, "batch_size": 16, "patience": 10, "seed": 42, "rate": 0.01}
    usual["stop"] = lambda: False
    for event in train_head(head, poisoned, valid, standing=TrainingState(), **usual):
        events.append(event)
        if isinstance(event, EpochEnded):
            poisoned.features[:] = np.nan

    assert [event.kind for event in events if event.kind != "progressed"] == [
        "epoch_ended",
        "warned",
    ]
    assert "weights of epoch 1 are kept" in events[-1].text
    assert np.isfinite(evaluate_head(head, valid)["loss"])
