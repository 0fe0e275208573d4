"""Arrays of keys of 32 bytes, and an index of millions of them.

The keys are hashes: their first 8 bytes are a number by which they are sorted and found, and which
two keys seldom share.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Key = bytes
Keys = NDArray[np.void]
Positions = NDArray[np.int64]

KEY = np.dtype("V32")
# Big endian, so that the order of the numbers is that of the keys.
START = np.dtype(">u8")


def pack_keys(keys: Iterable[Key] | Keys) -> Keys:
    """Return keys as an array."""
    if isinstance(keys, np.ndarray):
        return keys
    return np.frombuffer(b"".join(keys), KEY)


def list_starts(keys: Keys) -> NDArray[np.uint64]:
    """Return the first 8 bytes of each key, as a number."""
    return _columns(keys)[:, 0].astype(np.uint64)


def are_same(keys: Keys, others: Keys) -> NDArray[np.bool_]:
    """Return for each key whether it equals the one at its place in `others`."""
    return np.asarray((_columns(keys) == _columns(others)).all(1))


def list_first(keys: Keys) -> Positions:
    """Return the positions of the different keys, in their order: where each is first."""
    order, is_first = _sort(keys)
    return np.sort(order[is_first])


def list_repeated(keys: Keys) -> Positions:
    """Return the positions of the keys that occur more than once, in their order."""
    order, is_first = _sort(keys)
    is_last = np.append(is_first[1:], True)[: len(order)]
    return np.sort(order[~(is_first & is_last)])


def _sort(keys: Keys) -> tuple[Positions, NDArray[np.bool_]]:
    """Return positions that sort the keys, and which of them differ from the one before."""
    order = np.lexsort(_columns(keys).T[::-1])
    ordered = keys[order]
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = ~are_same(ordered[1:], ordered[:-1])
    return order, is_first


def _columns(keys: Keys) -> NDArray[np.uint64]:
    return np.ascontiguousarray(keys).view(START).reshape(-1, KEY.itemsize // START.itemsize)


class KeyIndex:
    """The places of keys, numbers, by the start of the key: 16 bytes a key in sorted arrays.

    Each array has at least twice as many keys as the next, so that there are few of them. What is
    found begins as the key does: the whole key has to be compared.
    """

    def __init__(self) -> None:
        self._levels: list[tuple[NDArray[np.uint64], Positions]] = []

    def add(self, starts: NDArray[np.uint64], first: int) -> None:
        """Add keys by their starts; their places are `first` and those that follow."""
        if not len(starts):
            return
        places = np.argsort(starts, kind="stable")
        starts = starts[places]
        places += first
        while self._levels and len(self._levels[-1][0]) < 2 * len(starts):
            before = self._levels.pop()
            starts = np.concatenate([before[0], starts])
            order = np.argsort(starts, kind="stable")
            starts, places = starts[order], np.concatenate([before[1], places])[order]
        self._levels.append((starts, places))

    def list_places(self, key: Key) -> list[int]:
        """Return the places of keys that begin as this one, the last added first."""
        start = np.frombuffer(key, START, 1).astype(np.uint64)[0]
        found: list[int] = []
        for starts, places in reversed(self._levels):
            low, high = starts.searchsorted(start, "left"), starts.searchsorted(start, "right")
            found += places[low:high][::-1].tolist()
        return found

    def find_last(self, keys: Keys) -> Positions:
        """Return for each key the last place of those that begin as it does, -1 for none."""
        wanted = list_starts(keys)
        found = np.full(len(wanted), -1, np.int64)
        for starts, places in self._levels:
            at = starts.searchsorted(wanted, "right") - 1
            is_there = (at >= 0) & (starts[at] == wanted)
            found[is_there] = places[at[is_there]]
        return found
