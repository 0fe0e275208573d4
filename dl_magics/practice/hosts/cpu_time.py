"""The CPU time that a host has used: its process and all that it started."""

from __future__ import annotations

import psutil


def read_cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its descendants, of those that have ended too.

    Raises psutil.Error if the process does not exist.
    """
    host = psutil.Process(pid)
    return sum(_read_times(each) for each in (host, *host.children(recursive=True)))


def _read_times(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    # Linux alone adds those of children that have ended to their parent.
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + ended)
