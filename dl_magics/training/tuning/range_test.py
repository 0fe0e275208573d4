"""Train the head of a run for some batches with growing learning rates, on its stored features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import NotTrained
from dl_magics.training import phases
from dl_magics.training.engine.feature_store import BEHIND_LAYER, FeatureStore
from dl_magics.training.engine.features.stored_values import load_values
from dl_magics.training.engine.heads.examples import Examples, weigh_classes
from dl_magics.training.engine.heads.network import build_head, count_heads
from dl_magics.training.engine.heads.objective import CROSS_ENTROPY
from dl_magics.training.engine.keras_context import kept_generators
from dl_magics.training.engine.scanned_images import scan_folder
from dl_magics.training.recipe.optimizers import split_optimizer
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.storage import spaces
from dl_magics.training.tuning.rate_curve import RateCurve

_FIRST, _LAST, _BATCHES = 1e-6, 10.0, 100
_BATCH = 32
_SMOOTHING = 0.9
# It ends where the loss is this many times the lowest one: training diverges.
_DIVERGED = 4.0


def find_learning_rate(recipe: Recipe, run: str, features: Path) -> RateCurve:
    """Return the losses of a head at growing learning rates; the run is left as it is.

    `features` is the folder of the feature store.

    Raises
    ------
    NotTrained
        where features of the run are missing.
    """
    folder = phases.find_images(recipe)
    images = scan_folder(folder, recipe)
    store = _open_store(recipe, run, features)
    views = images.readable(images.train)
    if missing := views.select(store.are_missing(views.keys)).count_images():
        part = f"{missing:,} of {views.count_images():,} images"
        raise _missing(recipe, run, f"features of {part} are missing")
    labels = views.labels
    weights = weigh_classes(recipe, folder.classes, labels)
    train = Examples(
        load_values(store, views.keys),
        labels,
        None if weights is None else weights[labels],
    )
    return measure_losses(recipe, run, train, len(folder.classes))


@kept_generators()
def measure_losses(recipe: Recipe, run: str, train: Examples, classes: int) -> RateCurve:
    """Train a new head, one batch at each rate; return the smoothed losses."""
    head = build_head(recipe, train.features, classes)
    size = recipe.batch_size if isinstance(recipe.batch_size, int) else _BATCH
    batches = _draw_batches(len(train), size, recipe.seed)
    mean, lowest, losses = 0.0, np.inf, list[float]()
    rates = np.geomspace(_FIRST, _LAST, _BATCHES)
    for n, (rate, chosen) in enumerate(zip(rates, batches, strict=True), 1):
        head.optimizer.learning_rate = rate
        # Its metrics are those before the step: this loss is what the rates so far have led to.
        logs = head.train_on_batch(
            train.features[chosen],
            train.labels[chosen],
            sample_weight=None if train.weights is None else train.weights[chosen],
            return_dict=True,
        )
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * float(logs[CROSS_ENTROPY])
        smoothed = mean / (1 - _SMOOTHING**n)
        if not np.isfinite(smoothed) or smoothed > _DIVERGED * lowest:
            break
        lowest = min(lowest, smoothed)
        losses.append(smoothed)
    optimizer, _ = split_optimizer(recipe.optimizer)
    return RateCurve(
        run,
        [float(rate) for rate in rates[: len(losses)]],
        losses,
        recipe.learning_rate,
        count_heads(recipe),
        optimizer,
    )


def _draw_batches(images: int, size: int, seed: int) -> list[NDArray[np.int64]]:
    """Return the positions of the images of each batch: all in a random order, again and again."""
    random = np.random.default_rng([seed, 0])
    size = min(size, images)
    order = np.concatenate(
        [random.permutation(images) for _ in range(-(-_BATCHES * size // images))]
    )
    return [order[at : at + size] for at in range(0, _BATCHES * size, size)]


def _open_store(recipe: Recipe, run: str, features: Path) -> FeatureStore:
    for folder in sorted(features.iterdir()) if features.is_dir() else []:
        described = dict(spaces.read_description(folder))
        holds_features = not str(described.get("cut", BEHIND_LAYER)).startswith(BEHIND_LAYER)
        if holds_features and run in spaces.read_users(folder):
            shape = tuple(described.pop("shape"))
            values = described.pop("values", "float32")
            return FeatureStore(features, described, shape, values)
    raise _missing(recipe, run, "they are not in the feature store")


def _missing(recipe: Recipe, run: str, why: str) -> NotTrained:
    return NotTrained(
        f"The learning rate is tried on the features of {run} ({recipe.data}), but {why}.",
        fix="Run the cell again, which computes them.",
    )
