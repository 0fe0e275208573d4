"""Train a network on what is stored, batch by batch, and keep the weights of its best epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import TrainingFailed
from dl_magics.runs.events import EpochEnded, Event, Progressed, Warned
from dl_magics.runs.field_rules import Phase
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.learned import load_weights, read_weights
from dl_magics.training.engine.heads.objective import CROSS_ENTROPY
from dl_magics.training.engine.heads.scores import BATCH, evaluate_head
from dl_magics.training.engine.throughput import Throughput

Stop = Callable[[], bool]

_BATCH = 32


@dataclass
class Best:
    """The epoch with the lowest val_loss, with its weights."""

    epoch: int | None = None
    logs: dict[str, float] = field(default_factory=dict)
    weights: list[NDArray[Any]] = field(default_factory=list)


@dataclass
class Means:
    """Mean logs over several batches; Keras' `train_on_batch` returns the logs of a single batch.

    `weight` is the sum of the weights of all images, by which the loss is a mean.
    """

    sums: dict[str, float] = field(default_factory=dict)
    images: int = 0
    weight: float = 0.0

    def add(self, logs: Mapping[str, float], images: int, weight: float) -> None:
        self.images += images
        self.weight += weight
        for name, share in (("loss", weight), ("accuracy", images)):
            self.sums[name] = self.sums.get(name, 0.0) + logs[name] * share

    @property
    def logs(self) -> dict[str, float]:
        return {
            name: value / (self.weight if name == "loss" else self.images)
            for name, value in self.sums.items()
        }


@dataclass
class TrainingState:
    """The progress of training: `batches` of `epoch` are done; `means` are their mean logs.

    Epochs are counted over all phases; `epochs_before` of them were done before this `phase`.
    """

    epoch: int = 1
    batches: int = 0
    means: Means = field(default_factory=Means)
    best: Best = field(default_factory=Best)
    phase: Phase = "head"
    epochs_before: int = 0

    @property
    def epochs_done(self) -> int:
        """The epochs of this phase that are done."""
        return self.epoch - 1 - self.epochs_before

    @property
    def epochs_since_best(self) -> int:
        """The epochs of this phase since the best one."""
        return self.epoch - 1 - max(self.best.epoch or 0, self.epochs_before)

    def next_epoch(self) -> None:
        """Advance to the first batch of the next epoch."""
        self.epoch, self.batches, self.means = self.epoch + 1, 0, Means()

    def enter_phase(self, phase: Phase) -> None:
        """Continue with the first epoch of another phase."""
        self.phase, self.epochs_before = phase, self.epoch - 1
        self.batches, self.means = 0, Means()

    def go_back_to(self, saved: TrainingState) -> None:
        """Have the progress of a checkpoint again; the best epoch is the same object."""
        best = self.best
        best.epoch, best.logs, best.weights = saved.best.epoch, saved.best.logs, saved.best.weights
        self.epoch, self.batches, self.means = saved.epoch, saved.batches, saved.means
        self.phase, self.epochs_before = saved.phase, saved.epochs_before


Keep = Callable[[TrainingState], Iterable[Event]]

RATES: Mapping[str, str] = {"head": "learning_rate", "unfrozen": "fine_learning_rate"}
"""The setting that has the learning rate of a phase."""


def train_head(
    head: Any,
    train: Examples,
    valid: Examples,
    *,
    epochs: int,
    batch_size: int | str,
    patience: int,
    seed: int,
    rate: float,
    stop: Stop,
    standing: TrainingState,
    keep: Keep = lambda _: (),
    keeps_first_epoch: Stop = lambda: False,
    check_batch: int = BATCH,
) -> Iterator[Event]:
    """Train `head` from `standing` on, yield each epoch, and load its best weights at the end.

    Ends early if val_loss has not decreased for `patience` epochs, if the loss is NaN or infinite
    (TrainingFailed in the first epoch), or, at a batch boundary, if `stop()` is true. An epoch has
    one view of each image; which, and their order, depends only on the seed and the epoch. `keep`
    is called after each batch, and after each epoch once its event was yielded. `rate` is the
    learning rate of the recipe, which a schedule may lower. Where `keeps_first_epoch()` is true at
    the end, and no epoch is complete, the part of the first one is evaluated and kept.
    """
    size = choose_training_batch(batch_size)
    images = train.images_per_epoch
    done = standing.epochs_done * images + standing.means.images
    pace = Throughput(epochs * images, done=done)
    best = standing.best

    def leaves() -> bool:
        return stop() and not (best.epoch is None and standing.batches and keeps_first_epoch())

    while standing.epochs_done < epochs and standing.epochs_since_best < patience:
        epoch = standing.epoch
        order = train.draw_epoch(epoch, seed)[standing.batches * size :]
        with train.of_epoch(epoch, order) as features:
            for at in range(0, len(order), size):
                # A budget has kept the time for a first batch: without it there would be no
                # weights.
                first = best.epoch is None and not standing.batches
                if stop() and not (first and keeps_first_epoch()):
                    break
                chosen = order[at : at + size]
                standing.means.add(*_train_batch(head, train, features[chosen], chosen))
                standing.batches += 1
                if pace.add(len(chosen)):
                    yield _progress(pace, epochs, images)
                yield from keep(standing)
        if leaves() or not (checked := evaluate_head(head, valid, check_batch, leaves)):
            break
        logs = standing.means.logs | {f"val_{name}": value for name, value in checked.items()}
        logs["learning_rate"] = _read_rate(head)
        if not np.isfinite(list(logs.values())).all():
            yield warn_diverged(epoch, rate, best, standing.phase)
            break
        better = best.epoch is None or logs["val_loss"] < best.logs["val_loss"]
        if better:
            best.epoch, best.logs, best.weights = epoch, logs, read_weights(head)
        yield EpochEnded(phase=standing.phase, epoch=epoch, logs=logs, best=better)
        standing.next_epoch()
        yield from keep(standing)
    if best.weights:
        load_weights(head, best.weights)


def choose_training_batch(batch_size: int | str) -> int:
    """Return the number of images of a training step; `batch_size` is that of the recipe."""
    return batch_size if isinstance(batch_size, int) else _BATCH


def warn_diverged(epoch: int, rate: float, best: Best, phase: Phase = "head") -> Warned:
    """Return the warning that training diverged; raise TrainingFailed without a completed epoch."""
    setting = RATES[phase]
    text = (
        f"Training diverged in epoch {epoch}: the loss is NaN or infinite ({setting} = {rate:g})."
    )
    fix = f"Lower the learning rate: {setting} = {min(rate / 10, 1e-3):g}"
    if best.epoch is None:
        raise TrainingFailed(text, fix=fix)
    return Warned(
        code="diverged", text=f"{text} The weights of epoch {best.epoch} are kept.", fix=fix
    )


def _train_batch(
    head: Any, train: Examples, features: NDArray[np.float32], chosen: NDArray[np.int64]
) -> tuple[dict[str, float], int, float]:
    """Train on the features of the chosen images; return loss and accuracy, number and weight."""
    weights = None if train.weights is None else train.weights[chosen]
    logs = head.train_on_batch(
        features, train.labels[chosen], sample_weight=weights, return_dict=True
    )
    reported = {"loss": float(logs[CROSS_ENTROPY]), "accuracy": float(logs["accuracy"])}
    weight = len(chosen) if weights is None else float(weights.sum(dtype=np.float64))
    return reported, len(chosen), weight


def _read_rate(head: Any) -> float:
    """Return the learning rate that the optimizer has now."""
    from keras import ops

    return float(ops.convert_to_numpy(head.optimizer.learning_rate))


def _progress(pace: Throughput, epochs: int, images: int) -> Progressed:
    return Progressed(
        done=pace.done // images,
        total=epochs,
        images_per_second=round(pace.per_second, 2),
        seconds_left=round(pace.seconds_left, 1),
    )
