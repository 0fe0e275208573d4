"""Writes files of the agent and reads facts about the machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

LONGEST_FOLDER = 90


def open_private(path: Path, truncate: bool = False) -> BinaryIO:
    """Open a file for writing at its end, unbuffered; only its owner has access to it.

    Raises OSError if it is a link or belongs to another user.
    """
    flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    number = os.open(str(path), flags, 0o600)
    file = os.fdopen(number, "ab", buffering=0)
    if os.fstat(number).st_uid != os.getuid():
        file.close()
        raise PermissionError(f"{path} is owned by another user")
    os.fchmod(number, 0o600)
    if truncate:
        os.ftruncate(number, 0)
    return file


def make_private_folder(path: Path) -> None:
    """Create a folder that only its owner can access; raises OSError if another user owns it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink() or path.lstat().st_uid != os.getuid():
        raise PermissionError(f"{path} is owned by another user")
    path.chmod(0o700)


def replace(path: Path, text: str) -> None:
    """Write a private file atomically."""
    fresh = path.with_suffix(".new")
    with open_private(fresh, truncate=True) as file:
        file.write(text.encode())
    fresh.replace(path)


def sockets(folder: Path) -> Path:
    """Return the folder for the sockets: the run folder, or one in /tmp if its path is too long.

    A socket address has at most 107 bytes. Raises OSError if another user owns the folder.
    """
    if len(os.fsencode(folder)) <= LONGEST_FOLDER:
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"dlm-{name}"
    make_private_folder(short)
    return short


def find_sockets(folder: Path) -> Path:
    """Return the folder for the sockets; where it is another one, leave a link to it."""
    found, link = sockets(folder), folder / "sockets"
    if found != folder and not link.is_symlink():
        link.symlink_to(found)
    return found


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
