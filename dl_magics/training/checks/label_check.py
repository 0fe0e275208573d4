"""Find labels that disagree with the image, from the features that a run has kept.

Each image is predicted by a model that was trained without it, on five folds of the others. The
model is a linear discriminant on the features: it has one solution, takes a second, and a few wrong
labels hardly move the means that it is made of. Copies of an image are in the same fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dl_magics.data.deep_gray import GrayRange
from dl_magics.data.image_files import ImageFile
from dl_magics.data.quality.findings import Item
from dl_magics.data.quality.parts import DataFile, Parts
from dl_magics.errors import DamagedRun
from dl_magics.runs.record import RunRecord
from dl_magics.training.engine.extraction import Broken, scan_images
from dl_magics.training.engine.feature_store import FeatureStore, open_stores
from dl_magics.training.engine.features.key_index import Key
from dl_magics.training.engine.views import View
from dl_magics.training.storage import spaces
from dl_magics.training.storage.inventory import RUNS

_FOLDS = 5
# Share of the covariance that is taken from equal, independent features.
_SHRINKAGE = 0.5


def check_labels(parts: Parts, features: Path) -> tuple[list[Item], str]:
    """Return the files whose label is doubtful, most doubtful first, and what was not checked.

    `features` is the folder of the feature store.
    """
    files = [each for each in parts.files if each.label]
    names = sorted({each.label for each in files})
    views = _scan(parts.root, files, names)
    store, known = _choose_store(features, views)
    if len(known) < len(views) and any(view.gray for view in views):
        # A run that split its images scaled them by the range of those for training alone.
        scaled = (_scale(views, gray) for gray in _list_ranges(features))
        chosen = [(store, known), *(_choose_store(features, each) for each in scaled)]
        store, known = max(chosen, key=lambda each: len(each[1]))
    if not store:
        return [], (
            "Labels are not checked: no run has kept the features of these images. "
            "%%finetune PATH computes them, then check again."
        )
    note = ""
    if len(known) < len(views):
        note = (
            f"Labels: {len(known):,} of {len(views):,} images are checked, those whose features "
            "a run has kept."
        )
    labels = np.array([view.file.label for view in known])
    values = store.get([view.key for view in known])
    margins, predicted = judge_labels(
        _normalize(values),
        labels,
        _assign_folds([view.key for view in known], labels),
    )
    paths = {parts.root / each.path: each.path for each in files}
    items = [
        Item(
            paths[known[at].file.path],
            f"labelled {names[labels[at]]}, looks like {names[predicted[at]]}",
        )
        for at in np.argsort(margins, kind="stable")
        if margins[at] < 0
    ]
    return items, note


def _normalize(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return one row an image, of the same length each, in which no feature dwarfs the others."""
    rows = values.reshape(len(values), -1, values.shape[-1]).mean(1)
    rows = np.sign(rows) * np.sqrt(np.abs(rows))
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    result: NDArray[np.float32] = rows / np.where(length == 0, 1, length)
    return result


def judge_labels(
    features: NDArray[np.float32], labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return how much more the label of each image is supported than any other, and by which.

    Parameters
    ----------
    features
        One row an image.
    labels
        The index of the class of each image.
    folds
        The fold of each image: it is predicted by the images of all other folds.

    Returns
    -------
    The difference of the scores, negative where another class is more likely, and the index of the
    most likely class. An image whose class has no other image gets infinity.
    """
    margins = np.full(len(labels), np.inf)
    predicted = labels.copy()
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        classes = np.unique(labels[rest])
        if len(classes) < 2:
            continue
        scores = _score(features[rest].astype(np.float64), labels[rest], classes, features[held])
        at = np.flatnonzero(held)
        column = np.searchsorted(classes, labels[at]).clip(max=len(classes) - 1)
        usable = classes[column] == labels[at]
        rows = np.arange(len(at))
        own = scores[rows, column]
        predicted[at] = np.where(usable, classes[scores.argmax(1)], labels[at])
        scores[rows, column] = -np.inf
        margins[at] = np.where(usable, own - scores.max(1), np.inf)
    return margins, predicted


def _score(
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: NDArray[np.int64],
    held: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Return the score of each class for the rows of `held`, by a linear discriminant."""
    scale = features.std(0)
    scale[scale == 0] = 1
    features = features / scale
    means = np.stack([features[labels == each].mean(0) for each in classes])
    spread = features - means[np.searchsorted(classes, labels)]
    covariance = spread.T @ spread / len(features)
    level = np.trace(covariance) / len(covariance) or 1.0
    covariance *= 1 - _SHRINKAGE
    covariance[np.diag_indices_from(covariance)] += _SHRINKAGE * level
    weights = np.linalg.solve(covariance, means.T)
    result: NDArray[np.float64] = held / scale @ weights - (means.T * weights).sum(0) / 2
    return result


def _scan(root: Path, files: Iterable[DataFile], names: Sequence[str]) -> list[View]:
    """Return the views of the valid files: their key is that of the features of a run."""
    index = {name: label for label, name in enumerate(names)}
    views: list[View] = []
    for is_for_training in (True, False):  # the first ones say how deep grayscale is scaled
        listed = [
            ImageFile(root / each.path, index[each.label])
            for each in files
            if (each.part in ("", "train")) is is_for_training
        ]
        gray = next((view.gray for view in views if view.gray), None)
        views += scan_images(listed, 0, 0, Broken(), gray)
    return views


def _scale(views: Sequence[View], gray: GrayRange) -> list[View]:
    """Return the views as those of a run that scales deep grayscale by this range."""
    deep = scan_images([view.file for view in views if view.gray], 0, 0, Broken(), gray)
    return [*(view for view in views if not view.gray), *deep]


def _list_ranges(features: Path) -> set[GrayRange]:
    """Return the ranges of deep grayscale of the runs that have used the feature store."""
    ranges = set()
    for store in open_stores(features):
        for run in spaces.read_users(store.folder):
            # The log of a run may be damaged, or its folder deleted.
            with suppress(DamagedRun, OSError):
                if found := RunRecord(features.parent / RUNS / run).refresh().gray:
                    ranges.add(GrayRange(*found))
    return ranges


def _choose_store(features: Path, views: Sequence[View]) -> tuple[FeatureStore | None, list[View]]:
    """Return the store that has the features of most images, and the views of these."""
    best: tuple[FeatureStore | None, list[View]] = None, []
    for store in open_stores(features):
        known = [view for view in views if view.key in store]
        if len(known) > len(best[1]):
            best = store, known
    return best


def _assign_folds(keys: Sequence[Key], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a fold for each key, so that each class is spread over all folds."""
    folds: dict[Key, int] = {}
    for label in np.unique(labels):
        own = sorted({key for key, each in zip(keys, labels, strict=True) if each == label})
        for at, key in enumerate(own):
            folds.setdefault(key, at % _FOLDS)
    return np.array([folds[key] for key in keys])
