"""Values of a feature store as if they were an array: read from disk when they are indexed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.training.engine.feature_store import FeatureStore, Key


class StoredValues:
    """The values of `keys`, in this order: those of many images do not fit into memory."""

    def __init__(self, store: FeatureStore, keys: Sequence[Key]) -> None:
        self._store = store
        self._keys = list(keys)
        self._positions = np.arange(len(self._keys))

    def __getitem__(self, chosen: Any) -> NDArray[np.float32]:
        """Return the values at a slice or at an array of positions, (n, *shape)."""
        return self._store.get([self._keys[at] for at in self._positions[chosen]])
