"""Training and validation data of a head, as one file for the Theano interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.heads.moments import measure_moments
from dl_magics.training.engine.views import Views


def write_examples(folder: Path, store: FeatureStore, train: Views, valid: Views) -> Path:
    """Write features, labels, images of views, and mean and scale that normalize the features."""
    features = store.get(train.keys)
    mean, scale = normalization(features)
    path = folder / "examples.npz"
    np.savez(
        path,
        train=features,
        train_labels=train.labels,
        train_images=train.rows,
        valid=store.get(valid.keys),
        valid_labels=valid.labels,
        mean=mean,
        scale=scale,
    )
    return path


def normalization(
    features: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and scale of each channel; constant channels get the mean variance."""
    mean, variance = measure_moments(features)
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)
