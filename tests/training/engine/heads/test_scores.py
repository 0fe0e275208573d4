from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.scores import evaluate_head


class Logits:
    """A head whose logits are its features."""

    def predict_on_batch(self, features):
        return features


def scores(logits, labels, weights=None):
    logits = np.asarray(logits, np.float32)
    return evaluate_head(Logits(), Examples(logits, np.asarray(labels), weights), batch_size=2)


def test_the_loss_of_several_heads_is_that_of_their_mean_probabilities():
    chance = np.random.default_rng(0)
    logits, labels = chance.normal(0, 3, (7, 3, 4)), chance.integers(0, 4, 7)
    likely = (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).mean(1)

    found = scores(logits, labels)

    assert found["loss"] == pytest.approx(-np.log(likely[np.arange(7), labels]).mean(), rel=1e-5)
    assert found["accuracy"] == (likely.argmax(1) == labels).mean()


def test_extreme_logits_have_a_finite_loss():
    assert scores([[0, 800], [-900, 0]], [0, 1])["loss"] == 400
    # The probability of the class is 0 by one head, and 1/2 by the other.
    assert scores([[[0, 800], [0, 0]]], [0])["loss"] == pytest.approx(np.log(4), rel=1e-6)


def test_the_loss_is_a_mean_by_the_weights_of_the_images():
    logits, labels = [[0, 2], [1, 0], [3, 0]], [1, 1, 0]
    each = [scores([row], [label])["loss"] for row, label in zip(logits, labels, strict=True)]

    found = scores(logits, labels, np.array([3, 3, 1], np.float32))

    assert found["loss"] == pytest.approx((3 * each[0] + 3 * each[1] + each[2]) / 7, rel=1e-6)


@pytest.mark.parametrize(
    ("labels", "balanced"),
    [
        ([0, 0, 1, 1], None),
        ([0, 0, 0, 1, 1, 1, 1], None),
        ([0, 0, 0, 1], 0.5),
        ([0, 1, 1, 2, 2, 2, 2], 1 / 3),
        ([2, 2, 2, 1], 0.0),
    ],
)
def test_balanced_accuracy_is_given_where_classes_are_uneven(labels, balanced):
    always_the_first = np.tile([1.0, 0, 0], (len(labels), 1))

    assert scores(always_the_first, labels).get("balanced_accuracy") == balanced


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_balanced_accuracy_is_the_mean_recall_of_the_classes_that_occur(pairs):
    labels = [label for label, _ in pairs]

    found = scores([np.eye(4)[predicted] for _, predicted in pairs], labels)

    recalls = [
        np.mean([predicted == label for each, predicted in pairs if each == label])
        for label in set(labels)
    ]
    counts = [labels.count(label) for label in set(labels)]
    if max(counts) < 1.5 * min(counts):
        assert "balanced_accuracy" not in found
    else:
        assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
