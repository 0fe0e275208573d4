"""Train a head on features, batch by batch, and keep the weights of its best epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import TrainingFailed
from dl_magics.events import EpochEnded, Event, Progressed, Warned
from dl_magics.training.pace import Pace

Stop = Callable[[], bool]

_HEAD_BATCH = 32
_CHECK_BATCH = 1024


@dataclass(frozen=True, eq=False)
class Examples:
    """Features (n, *shape) with their labels (n,), which index the classes."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass
class Best:
    """The epoch with the lowest val_loss, with its weights."""

    epoch: int | None = None
    logs: dict[str, float] = field(default_factory=dict)
    weights: list[NDArray[np.float32]] = field(default_factory=list)


def learn(
    head: Any,
    train: Examples,
    valid: Examples,
    *,
    epochs: int,
    batch_size: int | str,
    patience: int,
    seed: int,
    stop: Stop,
    best: Best,
) -> Iterator[Event]:
    """Train `head`, yield each epoch, and leave the best weights in it and in `best`.

    It ends early when val_loss has not fallen for `patience` epochs, when the loss is no longer
    a number (TrainingFailed in the first epoch), or, at a batch boundary, when `stop()` is true.
    The order of the images is drawn from the seed and the epoch alone.
    """
    size = batch_size if isinstance(batch_size, int) else _HEAD_BATCH
    pace = Pace(epochs * len(train))
    for epoch in range(1, epochs + 1):
        order = np.random.default_rng([seed, epoch]).permutation(len(train))
        means = _Means()
        for at in range(0, len(train), size):
            if stop():
                break
            chosen = order[at : at + size]
            batch = train.features[chosen], train.labels[chosen]
            means.add(head.train_on_batch(*batch, return_dict=True), len(chosen))
            if pace.add(len(chosen)):
                yield _progress(pace, epochs, len(train))
        if stop():
            break
        logs = means.logs | {f"val_{name}": value for name, value in check(head, valid).items()}
        logs["learning_rate"] = float(head.optimizer.learning_rate)
        if not np.isfinite(list(logs.values())).all():
            yield _diverged(epoch, logs["learning_rate"], best)
            break
        better = best.epoch is None or logs["val_loss"] < best.logs["val_loss"]
        if better:
            best.epoch, best.logs, best.weights = epoch, logs, head.get_weights()
        yield EpochEnded(phase="head", epoch=epoch, logs=logs, best=better)
        if epoch - (best.epoch or epoch) >= patience:
            break
    if best.weights:
        head.set_weights(best.weights)


def _diverged(epoch: int, rate: float, best: Best) -> Warned:
    """Return the note that training ran away; raise TrainingFailed where no weights are good."""
    text = f"In epoch {epoch} the loss ran away to no number (learning_rate = {rate:g})."
    fix = f"Lower it: learning_rate = {min(rate / 10, 1e-3):g}"
    if best.epoch is None:
        raise TrainingFailed(text, fix=fix)
    return Warned(
        code="diverged", text=f"{text} The weights of epoch {best.epoch} are kept.", fix=fix
    )


def check(head: Any, examples: Examples) -> dict[str, float]:
    """Return loss and accuracy of a head."""
    means = _Means()
    for at in range(0, len(examples), _CHECK_BATCH):
        labels = examples.labels[at : at + _CHECK_BATCH]
        features = examples.features[at : at + _CHECK_BATCH]
        means.add(head.test_on_batch(features, labels, return_dict=True), len(labels))
    return means.logs


class _Means:
    """Means over batches of their logs: Keras' `*_on_batch` begin anew with each batch."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._images = 0

    def add(self, logs: Mapping[str, float], images: int) -> None:
        self._images += images
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value) * images

    @property
    def logs(self) -> dict[str, float]:
        return {name: value / self._images for name, value in self._sums.items()}


def _progress(pace: Pace, epochs: int, images: int) -> Progressed:
    return Progressed(
        done=pace.done // images,
        total=epochs,
        images_per_second=round(pace.per_second, 2),
        seconds_left=round(pace.seconds_left, 1),
    )
