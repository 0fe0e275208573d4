"""Which photos check and which teach: decided by hashes of names, so that it hardly ever moves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def shuffle_names(names: Iterable[str], seed: int) -> list[str]:
    """Shuffle names; a name's place follows from itself and the seed only."""
    return sorted(names, key=lambda name: (_digest(name, seed), name))


def split_names(names: Iterable[str], fraction: float, seed: int) -> tuple[list[str], list[str]]:
    """Divide the names of one class into those that teach and those that check.

    `fraction` of them check, rounded, yet at least one stays on each side where there are two.
    One more name moves at most one other name to the other side.
    """
    shuffled = shuffle_names(names, seed)
    checking = max(0, min(max(1, round(len(shuffled) * fraction)), len(shuffled) - 1))
    return shuffled[checking:], shuffled[:checking]


def _digest(name: str, seed: int) -> bytes:
    # Names come from disks, and need not be valid text.
    return hashlib.sha256(f"{seed}:{name}".encode(errors="surrogateescape")).digest()
