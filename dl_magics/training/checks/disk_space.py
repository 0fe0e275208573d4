"""Check the free disk space before a run computes anything."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from dl_magics.errors import DiskFull
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.features.key_index import Keys, list_first
from dl_magics.training.engine.networks import Frozen


def bytes_needed(store: FeatureStore, keys: Keys, frozen: Frozen, run: Path) -> dict[Path, int]:
    """Return the number of bytes that a run will write below each folder, without its small head.

    Counts the features of those `keys` that are not stored yet; the model contains the frozen part.
    """
    return {store.folder: bytes_missing(store, keys), run: frozen.bytes}


def bytes_missing(store: FeatureStore, keys: Keys) -> int:
    """Return the number of bytes that the values of keys take which are not stored yet."""
    return int(store.are_missing(keys[list_first(keys)]).sum()) * store.record_bytes


def add_bytes(*needed: Mapping[Path, int]) -> dict[Path, int]:
    """Return the sum of what several parts of a run will write below each folder."""
    folders = {folder for each in needed for folder in each}
    return {folder: sum(each.get(folder, 0) for each in needed) for folder in folders}


def require_free_space(needed: Mapping[Path, int]) -> None:
    """Raise DiskFull if a disk has less free space than its folders need."""
    disks: dict[int, list[Path]] = {}
    for folder in needed:
        disks.setdefault(folder.stat().st_dev, []).append(folder)
    for folders in disks.values():
        size = sum(needed[folder] for folder in folders)
        free = shutil.disk_usage(folders[0]).free
        if size > free:
            raise DiskFull(
                f"This run needs {format_bytes(size)} in {folders[0]}: {format_bytes(free)} are "
                "free.",
                fix="Free disk space and run the cell again: %features shows what takes it · "
                "sample = 1000 takes fewer images",
            )


def format_bytes(size: int) -> str:
    """Return a size in gigabytes, in megabytes where it is below one."""
    return f"{size / 1e9:,.2f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
