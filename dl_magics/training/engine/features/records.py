"""The records of a block of the feature store: a key, a checksum, and values."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import TrainingFailed
from dl_magics.training.engine.features.key_index import KEY, START, Key, Keys, pack_keys

_STORED = {"float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}
BYTES_AT_ONCE = 2**26


def make_layout(shape: tuple[int, ...], values: str) -> np.dtype[Any]:
    """Return the layout of a record with values of a shape, stored as this type."""
    return np.dtype(
        [
            ("key", KEY),
            ("sum", "<u4"),
            ("at", "<u4"),  # number of records before it in the same batch
            ("left", "<u4"),  # and after it
            ("pad", "V20"),
            ("values", _STORED[values], shape),
        ]
    )


def pack_records(
    layout: np.dtype[Any], keys: Iterable[Key] | Keys, values: NDArray[np.float32], stored: str
) -> NDArray[Any]:
    """Return the records of a batch.

    Raises TrainingFailed where a value is not finite: what is computed in half precision may be.
    """
    finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if not finite.all():
        raise TrainingFailed(
            f"The network gives values that are not finite for {np.sum(~finite):,} images of a "
            f"batch of {len(values):,}.",
            fix="If it computes in half precision: mixed_precision = False · else check its "
            "weights, and how it scales pixels.",
        )
    packed = pack_keys(keys)
    records = np.zeros(len(packed), layout)
    records["key"] = packed
    records["at"] = np.arange(len(packed))
    records["left"] = records["at"][::-1]
    records["values"] = from_float32(values, stored)
    records["sum"] = [compute_sum(each) for each in records]
    return records


def compute_sum(record: Any) -> int:
    """Return what the checksum of a record should be."""
    return zlib.crc32(np.ascontiguousarray(record["values"]).data, zlib.crc32(record["key"].data))


def map_block(layout: np.dtype[Any], block: Path) -> NDArray[Any]:
    """Return the records of a block on disk, without those of an incomplete batch."""
    whole = block.stat().st_size // layout.itemsize
    if not whole:
        return np.empty(0, layout)
    records = np.memmap(block, layout, mode="r", shape=(whole,))
    last = records[-1]
    return records[: max(whole - 1 - int(last["at"]), 0)] if last["left"] else records


def read_starts(layout: np.dtype[Any], block: Path, rows: int) -> NDArray[np.uint64]:
    """Return the starts of the keys of a block; it is mapped in parts, to hold few of its pages."""
    starts = np.empty(rows, np.uint64)
    step = max(1, BYTES_AT_ONCE // layout.itemsize)
    start = np.dtype(
        {"names": ["start"], "formats": [START], "offsets": [0], "itemsize": layout.itemsize}
    )
    for at in range(0, rows, step):
        n = min(step, rows - at)
        part = np.memmap(block, start, "r", at * layout.itemsize, (n,))
        starts[at : at + n] = part["start"]
    return starts


def from_float32(values: NDArray[np.float32], stored: str) -> NDArray[Any]:
    """Return values as they are stored."""
    if stored != "bfloat16":
        return np.asarray(values).astype(_STORED[stored])
    # NumPy has no bfloat16: it is the upper half of a float32.
    return (np.ascontiguousarray(values, "<f4").view("<u4") >> 16).astype("<u2")


def to_float32(values: NDArray[Any], stored: str) -> NDArray[np.float32]:
    """Return stored values as float32."""
    if stored != "bfloat16":
        return values.astype(np.float32)
    return (values.astype("<u4") << 16).view("<f4")
