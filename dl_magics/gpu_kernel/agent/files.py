"""Writes files of the agent and reads facts about the machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

LONGEST_FOLDER = 90


def replace(path: Path, text: str) -> None:
    """Write a private file atomically."""
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(str(fresh), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def sockets(folder: Path) -> Path:
    """Return the folder for the sockets: the run folder, or one in /tmp if its path is too long.

    A socket address has at most 107 bytes. Raises OSError if another user owns the folder.
    """
    if len(os.fsencode(folder)) <= LONGEST_FOLDER:
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"dlm-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
        raise PermissionError(f"{short} is owned by another user")
    return short


def machine() -> str:
    """Return the boot id of the machine; "" if unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def start_time(pid: int) -> str | None:
    """Return the start time of a process; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def killed_for_memory() -> int:
    """Return the number of processes killed by the OOM killer since boot."""
    try:
        counters = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    except OSError:
        return 0
    return int(counters.get("oom_kill", 0))
