"""Which instances the Jupyter server watches, so that a kernel can say so: `watched.json`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress

from dl_magics.store import atomic, paths

FILE_NAME = "watched.json"
FRESH_SECONDS = 180.0
"""A server looks once a minute."""


def note_watched(ids: Iterable[str]) -> None:
    """Note that this process watches these instances now."""
    with suppress(OSError):
        values = {"at": time.time(), "pid": os.getpid(), "ids": sorted(ids)}
        atomic.replace(paths.data_folder() / FILE_NAME, json.dumps(values))


def find_watcher(instance_id: str) -> int | None:
    """Return the process that watches an instance; None if none has for three minutes."""
    try:
        values = json.loads((paths.data_folder() / FILE_NAME).read_text("utf-8"))
        is_fresh = 0 <= time.time() - float(values["at"]) < FRESH_SECONDS
        return int(values["pid"]) if is_fresh and instance_id in values["ids"] else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
