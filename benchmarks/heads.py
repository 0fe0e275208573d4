"""Compare one head, several heads and logistic regression on the same features.

    python benchmarks/heads.py DATA … [--image-size 128] [--seeds 5] [--heads 1 5] [--store FOLDER]

For each seed all images are split anew, 80 % of each class for training. The C of the logistic
regression (scikit-learn) is chosen by five-fold cross-validation on the training images: for its
accuracy by accuracy, for its loss by loss. Features are computed once, and kept in --store.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine
from numpy.typing import NDArray

from dl_magics.training import phases
from dl_magics.training.engine import device, extraction, fingerprint, networks
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.network import build_head
from dl_magics.training.engine.heads.training import TrainingState, train_head
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.engine.scanned_images import scan_folder
from dl_magics.training.recipe.recipe import Recipe, check_settings

_FOLDS = 5
_CS = np.logspace(-4, 1, 6)

Scores = tuple[float, float, float]
"""Accuracy, loss and seconds."""


def compute_features(recipe: Recipe, folder: Path) -> Examples:
    """Return all images of a folder as features, with their labels."""
    found = device.detect_device()
    precision = device.choose_precision(recipe.mixed_precision, found)
    frozen = networks.build_frozen(recipe, precision, folder / "weights", winograd=found.winograd)
    images = scan_folder(phases.find_images(recipe), recipe)
    space = fingerprint.feature_space(recipe, frozen, precision, found)
    store = FeatureStore(folder, space, frozen.features)
    batch = device.choose_batch_size(recipe.batch_size, found, frozen.widest)
    for _ in extraction.fill_store(
        store,
        images.views,
        recipe.image_size,
        batch,
        recipe.seed,
        KerasCompute(frozen.fast, found, batch),
        lambda: False,
        images.broken,
    ):
        pass
    views = images.readable(images.views)
    return Examples(store.get(views.keys), views.labels)


def split(images: Examples, seed: int) -> tuple[Examples, Examples]:
    """Return 80 % of the images of each class for training, the others for validation."""
    shuffled = np.random.default_rng(seed).permutation(len(images))
    train: list[int] = []
    for label in np.unique(images.labels):
        of_class = shuffled[images.labels[shuffled] == label]
        train += list(of_class[: round(0.8 * len(of_class))])
    is_train = np.isin(np.arange(len(images)), train)
    one, other = (
        Examples(images.features[chosen], images.labels[chosen]) for chosen in (is_train, ~is_train)
    )
    return one, other


def train_heads(recipe: Recipe, train: Examples, valid: Examples) -> Scores:
    """Train a head as a run does."""
    started = time.perf_counter()
    head = build_head(recipe, train.features, len(np.unique(train.labels)))
    standing = TrainingState()
    for _ in train_head(
        head,
        train,
        valid,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        patience=recipe.patience,
        seed=recipe.seed,
        rate=recipe.learning_rate,
        stop=lambda: False,
        standing=standing,
    ):
        pass
    logs = standing.best.logs
    return logs["val_accuracy"], logs["val_loss"], time.perf_counter() - started


def fit_logistic_regression(train: Examples, valid: Examples) -> Scores:
    """Fit scikit-learn's logistic regression with the best C by cross-validation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def model(c: float) -> Any:
        return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000))

    started = time.perf_counter()
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    found: list[tuple[float, float]] = []
    for c in _CS:
        likely = cross_val_predict(
            model(c), train.features, train.labels, cv=folds, method="predict_proba"
        )
        right = float((likely.argmax(1) == train.labels).mean())
        found.append((right, log_loss(train.labels, likely)))
    by_accuracy = model(_CS[max(range(len(found)), key=lambda n: found[n][0])])
    by_loss = model(_CS[min(range(len(found)), key=lambda n: found[n][1])])
    accuracy = by_accuracy.fit(train.features, train.labels).score(valid.features, valid.labels)
    fitted = by_loss.fit(train.features, train.labels)
    loss = log_loss(valid.labels, fitted.predict_proba(valid.features))
    return float(accuracy), float(loss), time.perf_counter() - started


def show(name: str, scores: list[Scores], against: NDArray[np.float64]) -> None:
    """Print the means of all seeds, and in how many of them it is not below the regression."""
    accuracy, loss, seconds = np.array(scores).T
    difference = accuracy - against
    error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else 0
    print(
        f"  {name:24} accuracy {accuracy.mean():.4f} ({100 * difference.mean():+.2f} ± "
        f"{100 * error:.2f} points), loss {loss.mean():.4f}, {np.median(seconds):.2f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--heads", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--epochs", type=int, nargs="+", default=[5])
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3"}
    warnings.simplefilter("ignore")
    print(describe_machine())
    with tempfile.TemporaryDirectory() as scratch:
        for data in options.data:
            settings = {"image_size": options.image_size, "weights": options.weights}
            recipe = check_settings(str(data), settings)
            images = compute_features(recipe, options.store or Path(scratch))
            seeds = range(1, options.seeds + 1)
            parts = [split(images, seed) for seed in seeds]
            regression = [fit_logistic_regression(*each) for each in parts]
            print(f"{data.name}, {options.image_size} px, {len(images)} images, {len(seeds)} seeds")
            best = np.array(regression)[:, 0]
            show("logistic regression", regression, best)
            for epochs in options.epochs:
                for heads in options.heads:
                    changed = {**settings, "heads": heads, "epochs": epochs}
                    scores = [
                        train_heads(check_settings(str(data), {**changed, "seed": seed}), *each)
                        for seed, each in zip(seeds, parts, strict=True)
                    ]
                    show(f"{heads} heads, {epochs} epochs", scores, best)


if __name__ == "__main__":
    main()
