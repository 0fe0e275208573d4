"""The metrics of a head on images that it was not trained on, from its logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    labels = examples.labels
    losses, right = np.empty(len(labels)), np.empty(len(labels), np.bool_)
    # Logits of many classes and heads take more memory than the images that they are of.
    for at, logits in _predict(head, examples.features, len(examples), batch_size):
        if at and stop():
            return {}
        part = slice(at, at + len(logits))
        likely = _log_probabilities(logits)
        losses[part] = -likely[np.arange(len(logits)), labels[part]]
        right[part] = likely.argmax(1) == labels[part]
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
    rows = [np.exp(_log_probabilities(each)) for _, each in _predict(head, features, images, BATCH)]
    return np.asarray(np.concatenate(rows), np.float64)


def _predict(
    head: Any, features: Values, images: int, batch_size: int
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the logits of each batch, and the position of its first image."""
    for at in range(0, images, batch_size):
        batch = features[at : min(at + batch_size, images)]
        yield at, np.asarray(head.predict_on_batch(batch), np.float64)


def _log_probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(p) of each class, (images, classes): of several heads, of their mean p."""
    with np.errstate(invalid="ignore"):  # training may have diverged
        logits = logits - logits.max(-1, keepdims=True)
        each = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        if each.ndim == 2:
            return np.asarray(each, np.float64)
        highest = each.max(1, keepdims=True)
        return np.asarray(highest[:, 0] + np.log(np.exp(each - highest).mean(1)), np.float64)
