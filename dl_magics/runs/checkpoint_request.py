"""A request to save a checkpoint now: a file in the folder of a run.

The guard of an instance writes it some minutes before it stops the instance.
"""

from __future__ import annotations

from pathlib import Path

FILE_NAME = "save-checkpoint"


def take_request(folder: Path) -> bool:
    """Return whether the run in this folder was asked for a checkpoint, and forget the request."""
    try:
        (folder / FILE_NAME).unlink()
    except FileNotFoundError:
        return False
    return True
