"""The ledger of the AWS resources that dl_magics created and deleted: a JSON line each."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from dl_magics.store import lock, paths, private


def append(**entry: Any) -> None:
    """Append one entry; it is on the disk when this returns.

    Raises
    ------
    DiskFull, NoFolder
        where it cannot be written; nothing of it is left.
    """
    line = json.dumps(entry, ensure_ascii=False) + "\n"
    with (
        lock.hold("ledger"),
        paths.reporting_failure(path()),
        private.open_file(path(), "a+b") as file,
    ):
        file.seek(0, os.SEEK_END)
        between = "\n" if file.tell() and _last_byte() != b"\n" else ""
        private.append_whole(file, f"{between}{line}".encode())
        os.fsync(file.fileno())


def read_entries() -> list[dict[str, Any]]:
    """Return all entries, oldest first; an incomplete line is skipped."""
    if not path().exists():
        return []
    lines = path().read_text(encoding="utf-8", errors="replace").splitlines()
    return [entry for line in lines if (entry := _parse(line)) is not None]


def path() -> Path:
    """Return the path of the ledger."""
    return paths.data_folder() / "ledger.jsonl"


def _last_byte() -> bytes:
    with path().open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _parse(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
