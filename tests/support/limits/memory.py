"""A small memory for some processes: who wants more is killed by the system itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallMemory:
    """A control group, of version 1 or 2, that has `size` bytes of memory and no swap."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._set("memory.limit_in_bytes", size)
        self._set("memory.memsw.limit_in_bytes", size)
        self._set("memory.max", size)
        self._set("memory.swap.max", 0)

    def take(self, pids: list[int]) -> None:
        """Let these processes, and those that they will start, live in it."""
        for pid in pids:
            self._set("cgroup.procs", pid)

    @property
    def killed(self) -> int:
        """How many the system has killed in it for want of memory."""
        told = [self._folder / "memory.events", self._folder / "memory.oom_control"]
        (lines,) = [file.read_text().splitlines() for file in told if file.exists()]
        return int(dict(line.split() for line in lines)["oom_kill"])

    def end(self) -> None:
        """Let all who live in it go."""
        for pid in (self._folder / "cgroup.procs").read_text().split():
            (self._folder.parent / "cgroup.procs").write_text(pid)
        self._folder.rmdir()

    def _set(self, name: str, value: int) -> None:
        if (self._folder / name).exists():
            (self._folder / name).write_text(str(value))


@contextmanager
def small_memory(size: int) -> Iterator[SmallMemory]:
    """Make one; where none can be made the test is skipped."""
    try:
        memory = SmallMemory(Path(tempfile.mkdtemp(prefix="dlm-", dir=_root())), size)
    except OSError as error:
        pytest.skip(f"No process can be given a small memory here: {error}")
    try:
        yield memory
    finally:
        memory.end()


def _root() -> Path:
    """Where control groups for memory are made."""
    for mount in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, options = mount.split()[:4]
        if kind == "cgroup" and "memory" in options.split(","):
            return Path(place)
        if kind == "cgroup2" and "memory" in Path(place, "cgroup.controllers").read_text().split():
            Path(place, "cgroup.subtree_control").write_text("+memory")
            return Path(place)
    raise FileNotFoundError("there is no control group for memory")
