"""Build and train a head with Keras 1, batch by batch; keep the weights of its best epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from keras import backend, layers, models, optimizers

KEEP = "keep"
"""In the file that requests a stop: a part of the first epoch is kept, where there is no other."""

_SECONDS_BETWEEN = 0.25
_CHECK_BATCH = 1024
# As in engine/heads/scores.py: where classes are less uneven there is no balanced accuracy.
_UNEVEN = 1.5
_LEAST = 1e-7


def built(asked: dict[str, Any], shape: tuple[int, ...]) -> Any:
    """Return a new head from normalized features to probabilities."""
    np.random.seed(asked["seed"])
    made = models.Sequential()
    if len(shape) > 1:
        made.add(layers.Flatten(input_shape=shape))
    else:
        made.add(layers.Activation("linear", input_shape=shape))
    for n, size in enumerate(asked["dense"], start=1):
        made.add(layers.Dense(size, activation="relu", name=f"dense_{n}"))
    if asked["dropout"]:
        made.add(layers.Dropout(asked["dropout"]))
    made.add(layers.Dense(asked["classes"], activation="softmax", name="probabilities"))
    made.compile(
        optimizers.Adam(lr=asked["learning_rate"]),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return made


def learn(
    head: Any, train: Any, valid: Any, asked: dict[str, Any], tell: Callable[..., None]
) -> dict[str, Any]:
    """Train until early stopping, a stop request or a NaN loss; return the best epoch.

    `train` has features, labels (n, 1), and the number of the image (n,) that each is a view of;
    `valid` has features and labels.
    """
    best: dict[str, Any] = {"epoch": None, "logs": {}, "stopped": False, "diverged": 0}
    weights, began = None, time.time()
    for epoch in range(1, asked["epochs"] + 1):
        first = best["epoch"] is None
        means, is_whole = _epoch(head, train, epoch, asked, began, tell, first)
        best["stopped"] = not is_whole
        if means is None or not (is_whole or (first and _keeps_first(asked))):
            break
        logs = dict(zip(("loss", "accuracy"), means))  # noqa: B905 - Python 3.7
        logs.update(_check(head, valid, _weights(asked, valid[1])))
        logs["learning_rate"] = float(backend.get_value(head.optimizer.lr))
        if not np.isfinite(list(logs.values())).all():
            best["diverged"] = epoch
            break
        better = best["epoch"] is None or logs["val_loss"] < best["logs"]["val_loss"]
        if better:
            best.update(epoch=epoch, logs=logs)
            weights = head.get_weights()
        tell(kind="epoch_ended", phase="head", epoch=epoch, logs=logs, best=better)
        if best["stopped"] or epoch - best["epoch"] >= asked["patience"]:
            break
    if weights:
        head.set_weights(weights)
    return best


def _epoch(
    head: Any,
    train: Any,
    epoch: int,
    asked: dict[str, Any],
    began: float,
    tell: Callable[..., None],
    first: bool,
) -> tuple[list[float] | None, bool]:
    """Return the mean loss and accuracy of an epoch, and whether no stop was requested in it.

    It has one view of each image. The means are None where a stop was requested before its first
    batch, which is reported at once: a budget may suffice for no more.
    """
    order, size = draw_epoch(train[2], [asked["seed"], epoch]), asked["batch_size"]
    images = len(order)
    weights = _weights(asked, train[1])
    sums, seen, weight, reported = np.zeros(2), 0, 0.0, 0.0 if first else time.time()
    for at in range(0, images, size):
        if Path(asked["stop"]).exists() and (seen or not (first and _keeps_first(asked))):
            return _means(sums, weight, seen) if seen else None, False
        chosen = order[at : at + size]
        given = weights[chosen]
        logs = head.train_on_batch(train[0][chosen], train[1][chosen], sample_weight=given)
        # Keras 1 weights the loss, as a mean over the images, and not the accuracy.
        sums += np.array(logs, float) * len(chosen)
        seen += len(chosen)
        weight += given.sum()
        now = time.time()
        if now - reported >= _SECONDS_BETWEEN:
            reported = now
            done = (epoch - 1) * images + at + len(chosen)
            _progress(done, images, asked["epochs"], now - began, tell)
    return _means(sums, weight, seen), True


def draw_epoch(images: Any, seed: list[int]) -> Any:
    """Return the positions of one view of each image, all in a random order."""
    order = np.random.RandomState(seed).permutation(len(images))
    _, first = np.unique(images[order], return_index=True)
    return order[np.sort(first)]


def _means(sums: Any, weight: float, images: int) -> list[float]:
    """Return the loss by the weights of the images, and the accuracy."""
    return [float(each) for each in sums / (weight, images)]


def _keeps_first(asked: dict[str, Any]) -> bool:
    """Return whether the one who requests a stop wants a part of the first epoch to be kept."""
    stop = Path(asked["stop"])
    return stop.exists() and stop.read_text() == KEEP


def _progress(
    done: int, images: int, epochs: int, seconds: float, tell: Callable[..., None]
) -> None:
    speed = done / seconds if seconds else 0.0
    tell(
        kind="progressed",
        done=done // images,
        total=epochs,
        images_per_second=round(speed, 2),
        seconds_left=round((images * epochs - done) / speed, 1) if speed else 0.0,
    )


def _check(head: Any, examples: Any, weights: Any) -> dict[str, float]:
    """Return loss and accuracy, and the balanced accuracy where the classes are uneven."""
    features, labels = examples[0], examples[1][:, 0]
    likely = np.concatenate(
        [
            head.predict_on_batch(features[at : at + _CHECK_BATCH])
            for at in range(0, len(labels), _CHECK_BATCH)
        ]
    )
    right = likely.argmax(1) == labels
    of_class = np.maximum(likely[np.arange(len(labels)), labels], _LEAST)
    logs = {
        "val_loss": float(np.average(-np.log(of_class), weights=weights)),
        "val_accuracy": float(right.mean()),
    }
    counts = np.bincount(labels)
    present = counts[counts > 0]
    if present.max() >= _UNEVEN * present.min():
        recalls = np.bincount(labels, weights=right)[counts > 0] / present
        logs["val_balanced_accuracy"] = float(recalls.mean())
    return logs


def _weights(asked: dict[str, Any], labels: Any) -> Any:
    """Return the weight of each image in the loss."""
    by_class = asked["class_weights"]
    return np.ones(len(labels)) if by_class is None else np.array(by_class)[labels[:, 0]]
