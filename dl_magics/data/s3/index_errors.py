"""What is said of an index that cannot be read or written; a damaged one is set aside."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

from dl_magics.errors import CannotChange, DamagedFile, DiskFull, DLMagicsError


def explain_error(folder: Path, error: sqlite3.Error) -> DLMagicsError:
    """Return what is said where SQLite fails on the index of a folder."""
    if "full" in str(error):
        return explain_full(folder)
    if isinstance(error, sqlite3.OperationalError):
        return CannotChange(
            f"The index in {folder} could not be read or written: {error}.",
            fix="Wait until no other run reads this bucket, then run the same line again.",
        )
    return set_aside(folder, str(error))


def explain_full(folder: Path) -> DiskFull:
    """Return what is said where the disk of a folder is full."""
    return DiskFull(
        f"The disk of {folder} is full.",
        fix=f"Free some space: each folder in {folder.parent} is a copy of a bucket and may be "
        "deleted · or launch with a larger disk: %aws_launch --disk GB",
    )


def set_aside(folder: Path, why: str) -> DamagedFile:
    """Rename a folder whose index cannot be used: nothing is known of the photos in it."""
    aside = folder.rename(folder.with_name(f"{folder.name}.damaged-{uuid.uuid4().hex[:6]}"))
    return DamagedFile(
        f"The index of {folder} is damaged ({why}): the folder was renamed to {aside.name}.",
        fix="The same line reads all photos again. The renamed folder may be deleted.",
    )
