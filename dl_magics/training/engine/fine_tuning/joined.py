"""Activations and features of images as one array, as a worker of a crew sends them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.fine_tuning.split_store import SplitStore
from dl_magics.training.engine.inference.compute import Pixels
from dl_magics.training.engine.inference.keras_compute import KerasCompute

Values = NDArray[np.float32]


def compute_rows(below: KerasCompute, above: KerasCompute, pixels: Pixels) -> Values:
    """Return activations at a cut of a network, and the features of these, in a row of each image.

    `below` computes the former, `above` the latter.
    """
    activations = below.start(pixels)()
    parts = activations, above.start(activations)()
    return np.concatenate([part.reshape(len(part), -1) for part in parts], 1)


def join_shapes(activations: Sequence[int], features: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a row."""
    return (math.prod(activations) + math.prod(features),)


def make_store(activations: FeatureStore, features: FeatureStore) -> SplitStore:
    """Return both stores as one that is filled with rows."""
    length = math.prod(activations.shape)

    def divide(rows: Values) -> tuple[Values, Callable[[], Values]]:
        return (
            rows[:, :length].reshape(-1, *activations.shape),
            lambda: rows[:, length:].reshape(-1, *features.shape),
        )

    return SplitStore(activations, features, divide)
