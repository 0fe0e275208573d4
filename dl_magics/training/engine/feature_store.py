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
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dl_magics.store import private
from dl_magics.training.storage import spaces

Key = bytes
Place = tuple[Path, int]

_STORED = {"float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}
# What the cut of a space begins with that has no features, but activations within the network.
BEHIND_LAYER = "behind layer"
_OPEN_BLOCKS = 64  # the number of open files is limited, and every run adds a block


class Writer(Protocol):
    """Adds what was computed of images."""

    def add(self, keys: Sequence[Key], features: NDArray[np.float32], /) -> None:
        """Append the features of `keys`."""


class Store(Protocol):
    """What can be filled: a feature store, or what takes its place."""

    def __contains__(self, key: Key, /) -> bool:
        """Return whether nothing is missing for `key`."""

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
        self._record = np.dtype(
            [
                ("key", "V32"),
                ("sum", "<u4"),
                ("at", "<u4"),  # number of records before it in the same batch
                ("left", "<u4"),  # and after it
                ("pad", "V20"),
                ("values", _STORED[values], shape),
            ]
        )
        self._mapped = lru_cache(_OPEN_BLOCKS)(partial(_map, self._record))
        self._sound: dict[Key, Place] = {}
        self._unchecked: dict[Key, list[Place]] = {}
        for block in sorted(self.folder.glob(spaces.BLOCKS)):
            keys = self._mapped(block)["key"].tobytes()
            for row in range(len(keys) // 32):
                key = keys[32 * row : 32 * row + 32]
                self._unchecked.setdefault(key, []).append((block, row))

    @property
    def record_bytes(self) -> int:
        """The size on disk of the features of one image, in bytes."""
        return self._record.itemsize

    def __contains__(self, key: Key) -> bool:
        """Return whether undamaged features of `key` are stored."""
        places = self._unchecked.get(key, [])
        while places and key not in self._sound:
            block, row = places.pop()
            record = self._mapped(block)[row]
            if record["sum"] == _sum(key, record["values"]):
                self._sound[key] = block, row
        return key in self._sound

    def get(self, keys: Sequence[Key]) -> NDArray[np.float32]:
        """Return the features of `keys`, in this order, as a new array of shape (n, *shape).

        Raises KeyError for a key that is missing or damaged.
        """
        found = np.empty((len(keys), *self.shape), np.float32)
        wanted: dict[Path, list[tuple[int, int]]] = {}
        for at, key in enumerate(keys):
            if key not in self:
                raise KeyError(key)
            block, row = self._sound[key]
            wanted.setdefault(block, []).append((at, row))
        for block, places in wanted.items():
            values = self._mapped(block)["values"]
            to, rows = np.array(places).T
            found[to] = _to_float32(values[rows], self.values)
        return found

    def writer(self) -> BlockWriter:
        """Return a writer with a new block, to be used in a `with` statement."""
        return BlockWriter(self, self.folder / f"{os.getpid()}-{uuid.uuid4().hex}.block")

    def packed(self, keys: Iterable[Key], features: NDArray[np.float32]) -> NDArray[Any]:
        """Return records to be appended to a block."""
        listed = list(keys)
        records = np.zeros(len(listed), self._record)
        records["key"] = np.array(listed, "V32")
        records["at"] = np.arange(len(listed))
        records["left"] = records["at"][::-1]
        records["values"] = values = _from_float32(features, self.values)
        records["sum"] = [_sum(key, each) for key, each in zip(listed, values, strict=True)]
        return records

    def added(self, block: Path, row: int, keys: Iterable[Key]) -> None:
        """Register that `block` contains `keys`, from `row` on."""
        self._mapped.cache_clear()
        for at, key in enumerate(keys, start=row):
            self._sound[key] = block, at


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


def _map(record: np.dtype[Any], block: Path) -> NDArray[Any]:
    whole = block.stat().st_size // record.itemsize
    if not whole:
        return np.empty(0, record)
    records = np.memmap(block, record, mode="r", shape=(whole,))
    last = records[-1]
    return records[: max(whole - 1 - int(last["at"]), 0)] if last["left"] else records


def _from_float32(values: NDArray[np.float32], stored: str) -> NDArray[Any]:
    if stored != "bfloat16":
        return np.asarray(values).astype(_STORED[stored])
    # NumPy has no bfloat16: it is the upper half of a float32.
    return (np.ascontiguousarray(values, "<f4").view("<u4") >> 16).astype("<u2")


def _to_float32(values: NDArray[Any], stored: str) -> NDArray[np.float32]:
    if stored != "bfloat16":
        return values.astype(np.float32)
    return (values.astype("<u4") << 16).view("<f4")


def _sum(key: Key, values: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(values).data, zlib.crc32(key))
