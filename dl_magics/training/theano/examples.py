"""Training and validation data of a head, as one file for the Theano interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dl_magics.training.engine.extraction import View
from dl_magics.training.engine.feature_store import FeatureStore

# As in engine/heads/network.py: fraction of the mean variance below which a feature is constant.
_DEAD = 1e-4


def write_examples(folder: Path, store: FeatureStore, train: list[View], valid: list[View]) -> Path:
    """Write features, labels, and the mean and scale that normalize the features."""
    features = store.get([view.key for view in train])
    mean, scale = normalization(features)
    path = folder / "examples.npz"
    np.savez(
        path,
        train=features,
        train_labels=list_labels(train),
        valid=store.get([view.key for view in valid]),
        valid_labels=list_labels(valid),
        mean=mean,
        scale=scale,
    )
    return path


def normalization(
    features: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and scale of each channel; constant channels get the mean variance."""
    axes = tuple(range(features.ndim - 1))
    variance = features.var(axes, dtype=np.float64)
    dead = variance <= _DEAD * variance.mean()
    usable = np.where(dead, max(float(variance.mean()), 1e-12), variance)
    mean = features.mean(axes, dtype=np.float64)
    return mean.astype(np.float32), np.sqrt(usable).astype(np.float32)


def list_labels(views: list[View]) -> NDArray[np.int64]:
    """Return the labels of views, in their order."""
    return np.array([view.file.label for view in views], np.int64)
