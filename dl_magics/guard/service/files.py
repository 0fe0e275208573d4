"""Writes the files of the guard, which root owns and only root may change."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

FOLDER_MODE, FILE_MODE = 0o755, 0o644


def find_paths(pattern: str) -> list[Path]:
    """Return the paths that fit an absolute pattern."""
    return sorted(Path("/").glob(pattern.lstrip("/")))


def make_folder(folder: Path) -> None:
    """Create a folder that only its owner may change; raise OSError if another user owns it."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.lstat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is owned by another user")
    folder.chmod(FOLDER_MODE)


def replace_file(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Write a file in one step; all may read it, only its owner may change it.

    With `sync` it outlives a power cut; it may then wait for what else is written to the disk.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(str(fresh), flags, FILE_MODE), "wb") as file:
            os.fchmod(file.fileno(), FILE_MODE)
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON object in one step."""
    replace_file(path, json.dumps(document).encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file; {} if it is missing or damaged."""
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
