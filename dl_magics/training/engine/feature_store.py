"""The feature store: the outputs of the frozen part, cached for later runs.

A space holds the features of one network. Each writer appends to a block of its own, so writers
never wait for each other. A record is a key of 32 bytes, a checksum, and values: float32, or of 16
bits where they were computed so. Incomplete or damaged records are ignored and computed again, as
are all records of an incomplete batch: a resumed run then computes the same batches as an
uninterrupted one.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dl_magics.store import private
from dl_magics.training.engine.features import key_index, records
from dl_magics.training.engine.features.key_index import Key, Keys, Positions
from dl_magics.training.storage import spaces

# What the cut of a space begins with that has no features, but activations within the network.
BEHIND_LAYER = "behind layer"
_OPEN_BLOCKS = 64  # the number of open files is limited, and every run adds a block
# The place of a record: its row, and above these bits the number of its block.
_ROW_BITS = 40
_ROWS = (1 << _ROW_BITS) - 1


class Writer(Protocol):
    """Adds what was computed of images."""

    def add(self, keys: Sequence[Key], features: NDArray[np.float32], /) -> None:
        """Append the features of `keys`."""


class Store(Protocol):
    """What can be filled: a feature store, or what takes its place."""

    def __contains__(self, key: Key, /) -> bool:
        """Return whether nothing is missing for `key`."""

    def are_missing(self, keys: Keys, /) -> NDArray[np.bool_]:
        """Return for each key whether something is missing for it."""

    def writer(self) -> AbstractContextManager[Writer]:
        """Return a writer, to be used in a `with` statement."""


class FeatureStore:
    """The features of one network, by key.

    Parameters
    ----------
    folder
        contains the spaces.
    space
        everything that a feature depends on except the image: model, weights, size, precision …
    shape
        the shape of the features of one image.
    values
        the type in which they are stored; it must hold all values exactly.
    """

    def __init__(
        self,
        folder: Path,
        space: Mapping[str, Any],
        shape: tuple[int, ...],
        values: str = "float32",
    ) -> None:
        self.shape = shape
        self.values = values
        stored = {} if values == "float32" else {"values": values}
        text = json.dumps({**space, "shape": shape, **stored}, sort_keys=True)
        self.folder = folder / hashlib.sha256(text.encode()).hexdigest()[:24]
        private.ensure_folder(self.folder)
        spaces.write_description(self.folder, text)
        self._layout = records.make_layout(shape, values)
        self._mapped = lru_cache(_OPEN_BLOCKS)(partial(records.map_block, self._layout))
        self._index = key_index.KeyIndex()
        self._blocks: list[Path] = []
        # For each block which of its records were read and are undamaged, a byte each.
        self._sound: list[bytearray] = []
        for block in sorted(self.folder.glob(spaces.BLOCKS)):
            starts = records.read_starts(self._layout, block, len(self._mapped(block)))
            self._register(block, 0, starts, bytes(len(starts)))

    @property
    def record_bytes(self) -> int:
        """The size on disk of the features of one image, in bytes."""
        return self._layout.itemsize

    def __contains__(self, key: Key) -> bool:
        """Return whether undamaged features of `key` are stored."""
        return self._find(key) >= 0

    def are_missing(self, keys: Keys) -> NDArray[np.bool_]:
        """Return for each key whether no undamaged features of it are stored."""
        return self.locate(keys) < 0

    def get(self, keys: Iterable[Key] | Keys) -> NDArray[np.float32]:
        """Return the features of `keys`, in this order, as a new array of shape (n, *shape).

        Raises KeyError for a key that is missing or damaged.
        """
        return self.read(self.locate_all(key_index.pack_keys(keys)))

    def locate(self, keys: Keys) -> Positions:
        """Return the place of each key, as `read` takes it, -1 for one missing or damaged."""
        places = self._index.find_last(keys)
        for block, at, rows in self._by_block(places):
            mapped = self._mapped(self._blocks[block])
            found = key_index.are_same(mapped["key"][rows], keys[at])
            unread = np.flatnonzero(found & ~np.frombuffer(self._sound[block], np.bool_)[rows])
            for n, record in zip(unread, mapped[rows[unread]], strict=True):
                found[n] = self._verify(block, int(rows[n]), record)
            # It may be a key that only begins alike, or there may be an older, undamaged record.
            for n in np.flatnonzero(~found):
                places[at[n]] = self._find(keys[at[n]].tobytes())
        return places

    def locate_all(self, keys: Keys) -> Positions:
        """Return the place of each key. Raises KeyError for one missing or damaged."""
        places = self.locate(keys)
        if len(places) and places.min() < 0:
            raise KeyError(keys[places.argmin()].tobytes())
        return places

    def read(self, places: Positions) -> NDArray[np.float32]:
        """Return the features at places that `locate` found, as a new array of (n, *shape)."""
        found = np.empty((len(places), *self.shape), np.float32)
        for block, at, rows in self._by_block(places):
            values = self._mapped(self._blocks[block])["values"][rows]
            found[at] = records.to_float32(values, self.values)
        return found

    def _find(self, key: Key) -> int:
        """Return the place of undamaged features of a key, -1 for none."""
        for place in self._index.list_places(key):
            block, row = place >> _ROW_BITS, place & _ROWS
            record = self._mapped(self._blocks[block])[row]
            if record["key"].tobytes() == key and (
                self._sound[block][row] or self._verify(block, row, record)
            ):
                return place
        return -1

    def _verify(self, block: int, row: int, record: Any) -> bool:
        self._sound[block][row] = int(record["sum"]) == records.compute_sum(record)
        return bool(self._sound[block][row])

    def _by_block(self, places: Positions) -> Iterator[tuple[int, Positions, Positions]]:
        """Yield a block, positions in `places` and rows in the block; a part of many at once."""
        blocks = places >> _ROW_BITS
        step = max(1, records.BYTES_AT_ONCE // self.record_bytes)
        for block in np.unique(blocks[places >= 0]):
            of_block = np.flatnonzero(blocks == block)
            for start in range(0, len(of_block), step):
                at = of_block[start : start + step]
                yield int(block), at, places[at] & _ROWS

    def _register(self, block: Path, row: int, starts: NDArray[np.uint64], sound: bytes) -> None:
        if block not in self._blocks:
            self._blocks.append(block)
            self._sound.append(bytearray())
        number = self._blocks.index(block)
        self._index.add(starts, (number << _ROW_BITS) + row)
        self._sound[number].extend(sound)

    def writer(self) -> BlockWriter:
        """Return a writer with a new block, to be used in a `with` statement."""
        return BlockWriter(self, self.folder / f"{os.getpid()}-{uuid.uuid4().hex}.block")

    def packed(self, keys: Iterable[Key], features: NDArray[np.float32]) -> NDArray[Any]:
        """Return records to be appended to a block."""
        return records.pack_records(self._layout, keys, features, self.values)

    def added(self, block: Path, row: int, keys: Iterable[Key]) -> None:
        """Register that `block` contains `keys`, from `row` on."""
        self._mapped.cache_clear()
        starts = key_index.list_starts(key_index.pack_keys(keys))
        self._register(block, row, starts, b"\1" * len(starts))


def open_stores(folder: Path, wanted: Mapping[str, Any] | None = None) -> Iterator[FeatureStore]:
    """Yield the stores of the features of all networks, the one that was used last first.

    With `wanted`, only those whose description has these values.
    """
    found = [each for each in folder.glob("*") if spaces.is_space_name(each.name)]
    for space in sorted(found, key=lambda each: each.stat().st_mtime, reverse=True):
        described = dict(spaces.read_description(space))
        shape = described.pop("shape", None)
        if str(described.get("cut", "")).startswith(BEHIND_LAYER):
            continue
        if wanted and not wanted.items() <= described.items():
            continue
        if isinstance(shape, list) and all(isinstance(size, int) for size in shape):
            yield FeatureStore(folder, described, tuple(shape))


class BlockWriter:
    """Appends to one block, which has no other writer."""

    def __init__(self, store: FeatureStore, path: Path) -> None:
        self._store = store
        self._path = path
        self._rows = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> BlockWriter:
        return self

    def add(self, keys: Sequence[Key], features: NDArray[np.float32]) -> None:
        """Append the features of `keys`, shape (n, *shape): all of them, or none.

        The block is created by the first: a store that is read only can be read.
        """
        if self._file is None:
            self._file = private.open_file(self._path, "ab")
        private.append_whole(self._file, self._store.packed(keys, features).tobytes())
        self._store.added(self._path, self._rows, keys)
        self._rows += len(keys)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is None:
            return
        self._file.close()
        if not self._rows:
            self._path.unlink()
