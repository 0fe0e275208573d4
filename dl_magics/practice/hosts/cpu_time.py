"""The CPU time that a host has used: its process and all that it started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

_TASKS = "/proc/{}/task"
# A kernel may be built without this file.
_KERNEL_LISTS_CHILDREN = Path(_TASKS.format(os.getpid()), f"{os.getpid()}/children").exists()


def read_cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its descendants, of those that have ended too.

    Raises psutil.Error if the process does not exist.
    """
    host = psutil.Process(pid)
    return sum(_read_times(each) for each in (host, *list_descendants(pid)))


def list_descendants(pid: int) -> list[psutil.Process]:
    """Return all processes below one; psutil alone would read all of this computer for it."""
    if not _KERNEL_LISTS_CHILDREN:
        return psutil.Process(pid).children(recursive=True)
    found: list[psutil.Process] = []
    for child in _list_children(pid):
        with suppress(psutil.Error):
            found += [psutil.Process(child), *list_descendants(child)]
    return found


def _list_children(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for task in Path(_TASKS.format(pid)).iterdir():
            with suppress(OSError):
                yield from map(int, (task / "children").read_text().split())


def _read_times(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    # Linux alone adds those of children that have ended to their parent.
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + ended)
