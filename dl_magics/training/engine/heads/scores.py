"""The metrics of a head on images that it was not trained on, from its logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.runs.field_rules import BALANCED_ACCURACY
from dl_magics.training.engine.heads.examples import Examples, Values

BATCH = 1024
# Where classes are less uneven, accuracy and balanced accuracy say the same.
_UNEVEN = 1.5


def evaluate_head(
    head: Any,
    examples: Examples,
    batch_size: int = BATCH,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, float]:
    """Return the loss and accuracy of a head, and its balanced accuracy on uneven classes.

    The loss is weighted as the examples are. Nothing is returned if `stop()` is true after a batch.
    """
    logits = _predict_logits(head, examples.features, len(examples), batch_size, stop)
    if not logits:
        return {}
    likely = _log_probabilities(np.concatenate(logits))
    labels = examples.labels
    losses = -likely[np.arange(len(labels)), labels]
    right = likely.argmax(1) == labels
    scores = {
        "loss": float(np.average(losses, weights=examples.weights)),
        "accuracy": float(right.mean()),
    }
    counts = np.bincount(labels)
    present = counts[counts > 0]
    if present.max() >= _UNEVEN * present.min():
        recalls = np.bincount(labels, weights=right)[counts > 0] / present
        scores[BALANCED_ACCURACY] = float(recalls.mean())
    return scores


def predict_probabilities(head: Any, features: Values, images: int) -> NDArray[np.float64]:
    """Return the probability of each class for the first images, (images, classes)."""
    logits = _predict_logits(head, features, images, BATCH, lambda: False)
    return np.asarray(np.exp(_log_probabilities(np.concatenate(logits))), np.float64)


def _predict_logits(
    head: Any, features: Values, images: int, batch_size: int, stop: Callable[[], bool]
) -> list[NDArray[np.float64]]:
    """Return the logits of each batch; none if `stop()` is true after one."""
    logits: list[NDArray[np.float64]] = []
    for at in range(0, images, batch_size):
        if at and stop():
            return []
        batch = features[at : min(at + batch_size, images)]
        logits.append(np.asarray(head.predict_on_batch(batch), np.float64))
    return logits


def _log_probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(p) of each class, (images, classes): of several heads, of their mean p."""
    with np.errstate(invalid="ignore"):  # training may have diverged
        logits = logits - logits.max(-1, keepdims=True)
        each = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        if each.ndim == 2:
            return np.asarray(each, np.float64)
        highest = each.max(1, keepdims=True)
        return np.asarray(highest[:, 0] + np.log(np.exp(each - highest).mean(1)), np.float64)
