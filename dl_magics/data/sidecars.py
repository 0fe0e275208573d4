"""Sidecar files: annotations and notes that data sets keep beside their images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml")
_SUFFIXES = frozenset((*_TABLES, ".md", ".txt", ".mat", ".npy", ".npz"))


def leave_out(names: Iterable[str]) -> list[str]:
    """Return the names without those of sidecar files, which are known by their suffix."""
    return [name for name in names if PurePath(name).suffix.lower() not in _SUFFIXES]
