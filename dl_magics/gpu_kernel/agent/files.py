"""Files of ours, and those that tell about the machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

LONGEST_FOLDER = 90


def replace(path: Path, text: str) -> None:
    """Write a file of ours in one step."""
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(str(fresh), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def sockets(folder: Path) -> Path:
    """Return where the sockets of a run folder lie: in it, or where its path is too long, in /tmp.

    An address may have 107 bytes. A folder there that another person made is refused (OSError).
    """
    if len(os.fsencode(folder)) <= LONGEST_FOLDER:
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"dlm-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
        raise PermissionError(f"{short} was made by somebody else")
    return short


def machine() -> str:
    """Return what changes when the instance boots."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def start_time(pid: int) -> str | None:
    """Return when a process began, None if it lives no more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def killed_for_memory() -> int:
    """Return how many processes the system killed for want of memory since it booted."""
    try:
        counters = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    except OSError:
        return 0
    return int(counters.get("oom_kill", 0))
