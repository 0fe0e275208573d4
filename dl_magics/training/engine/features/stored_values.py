"""Values of a feature store as if they were an array: read from disk when they are indexed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.features.key_index import Key, Keys, pack_keys

# More than that is read from disk in each epoch: from the system's cache, where memory is free.
MOST_IN_MEMORY = 2**30


def load_values(store: FeatureStore, keys: Keys) -> StoredValues | NDArray[np.float32]:
    """Return the values of `keys`: an array, or what reads them from disk where they are many."""
    stored = StoredValues(store, keys)
    return stored if 4 * math.prod(stored.shape) > MOST_IN_MEMORY else stored[:]


class StoredValues:
    """The values of `keys`, in this order: those of many images do not fit into memory.

    Raises KeyError for a key that is missing or damaged.
    """

    def __init__(self, store: FeatureStore, keys: Iterable[Key] | Keys) -> None:
        self._store = store
        self._places = store.locate_all(pack_keys(keys))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that an array of all values would have."""
        return len(self._places), *self._store.shape

    def __getitem__(self, chosen: Any) -> NDArray[np.float32]:
        """Return the values at a slice or at an array of positions, (n, *shape)."""
        return self._store.read(self._places[chosen])
