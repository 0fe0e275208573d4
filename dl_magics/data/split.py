"""Split images into training and validation sets by a hash of their names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def shuffle_names(names: Iterable[str], seed: int) -> list[str]:
    """Return names in a pseudorandom order that depends on each name and the seed only."""
    return sorted(names, key=lambda name: (_digest(name, seed), name))


def split_names(names: Iterable[str], fraction: float, seed: int) -> tuple[list[str], list[str]]:
    """Return the training names and the validation names of one class.

    `fraction` of them, rounded, are for validation; with two or more names, each set has at least
    one. An additional name moves at most one other name to the other set.
    """
    shuffled = shuffle_names(names, seed)
    checking = max(0, min(max(1, round(len(shuffled) * fraction)), len(shuffled) - 1))
    return shuffled[checking:], shuffled[:checking]


def _digest(name: str, seed: int) -> bytes:
    # File names need not be valid UTF-8.
    return hashlib.sha256(f"{seed}:{name}".encode(errors="surrogateescape")).digest()
