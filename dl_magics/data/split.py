"""Split images into training and validation sets by a hash of their names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


def shuffle_positions(names: Sequence[str], seed: int) -> Positions:
    """Return the positions of names in a pseudorandom order.

    It depends on each name and the seed only: the same names are in the same order everywhere.
    """
    digests = bytearray()
    for name in names:
        digests += _digest(name, seed)
    # Bytes are compared as Python compares them; equal digests are of equal names.
    return np.argsort(np.frombuffer(digests, "S32"), kind="stable")


def shuffle_names(names: Iterable[str], seed: int) -> list[str]:
    """Return names in a pseudorandom order that depends on each name and the seed only."""
    listed = list(names)
    return [listed[at] for at in shuffle_positions(listed, seed)]


def split_positions(
    names: Sequence[str], fraction: float, seed: int
) -> tuple[Positions, Positions]:
    """Return the positions of the training names and of the validation names of one class.

    `fraction` of them, rounded, are for validation; with two or more names, each set has at least
    one. An additional name moves at most one other name to the other set.
    """
    shuffled = shuffle_positions(names, seed)
    checking = max(0, min(max(1, round(len(shuffled) * fraction)), len(shuffled) - 1))
    return shuffled[checking:], shuffled[:checking]


def split_names(names: Iterable[str], fraction: float, seed: int) -> tuple[list[str], list[str]]:
    """Return the training names and the validation names of one class, as `split_positions`."""
    listed = list(names)
    train, valid = split_positions(listed, fraction, seed)
    return [listed[at] for at in train], [listed[at] for at in valid]


def _digest(name: str, seed: int) -> bytes:
    # File names need not be valid UTF-8.
    return hashlib.sha256(f"{seed}:{name}".encode(errors="surrogateescape")).digest()
