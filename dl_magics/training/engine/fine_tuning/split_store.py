"""Fill two stores with one pass over the images: activations at the cut, and features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from dl_magics.training.engine.feature_store import BlockWriter, FeatureStore
from dl_magics.training.engine.features.key_index import Key, Keys

Values = NDArray[np.float32]


@dataclass(frozen=True)
class SplitStore:
    """The stored activations of images, and the features that are computed of them.

    It takes the place of a feature store while it is filled. `divide` returns the activations of
    what it is filled with, and what returns their features.
    """

    activations: FeatureStore
    features: FeatureStore
    divide: Callable[[Values], tuple[Values, Callable[[], Values]]]

    def __contains__(self, key: Key) -> bool:
        """Return whether both are stored."""
        return key in self.activations and key in self.features

    def are_missing(self, keys: Keys) -> NDArray[np.bool_]:
        """Return for each key whether one of both is missing."""
        return self.activations.are_missing(keys) | self.features.are_missing(keys)

    def writer(self) -> SplitWriter:
        """Return a writer of activations, to be used in a `with` statement."""
        return SplitWriter(self)


class SplitWriter:
    """Adds activations, and the features of these; what is stored already is left as it is."""

    def __init__(self, store: SplitStore) -> None:
        self._store = store
        self._stack = ExitStack()

    def __enter__(self) -> SplitWriter:
        with ExitStack() as entered:
            self._activations = entered.enter_context(self._store.activations.writer())
            self._features = entered.enter_context(self._store.features.writer())
            self._stack = entered.pop_all()
        return self

    def add(self, keys: Sequence[Key], values: Values) -> None:
        """Append the activations of `keys`, and their features."""
        stored = self._store
        activations, compute_features = stored.divide(values)
        if any(key not in stored.features for key in keys):
            _add_missing(stored.features, self._features, keys, compute_features())
        # Last: a resumed run computes the same batches, as this store has only whole ones.
        _add_missing(stored.activations, self._activations, keys, activations)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def _add_missing(
    store: FeatureStore, writer: BlockWriter, keys: Sequence[Key], values: Values
) -> None:
    missing = [at for at, key in enumerate(keys) if key not in store]
    if missing:
        writer.add([keys[at] for at in missing], values[missing])
