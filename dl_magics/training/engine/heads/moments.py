"""The mean and the variance of features, of which only a part is in memory at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dl_magics.training.engine.heads.examples import Values

# Fraction of the mean variance below which a feature counts as constant.
_DEAD = 1e-4
_BYTES_AT_ONCE = 2**28


Moments = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The mean of each channel, and its variance."""


def measure_moments(features: Values, at_once: int = _BYTES_AT_ONCE) -> Moments:
    """Return mean and variance of each channel; constant channels get the mean variance.

    The numbers are those of NumPy where all features, in float32, have at most `at_once` bytes.
    """
    count = math.prod(features.shape[:-1])
    mean = sum(_sum(part) for part in _parts(features, at_once)) / count
    squares = sum(_sum(np.square(part - mean)) for part in _parts(features, at_once))
    variance = np.asarray(squares / count)
    dead = variance <= _DEAD * variance.mean()
    return np.asarray(mean), np.where(dead, max(float(variance.mean()), 1e-12), variance)


def _sum(values: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(values.sum(tuple(range(values.ndim - 1)), dtype=np.float64))


def _parts(features: Values, at_once: int) -> Iterator[NDArray[np.float32]]:
    images, *shape = features.shape
    step = max(1, at_once // (4 * math.prod(shape)))
    return (features[at : at + step] for at in range(0, images, step))
