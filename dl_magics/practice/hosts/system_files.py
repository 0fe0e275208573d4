"""What the kernel of an instance tells in files: its boot id, its CPU times, its terminals."""

from __future__ import annotations

import asyncio
import os
import uuid
from contextlib import suppress
from pathlib import Path

import psutil

from dl_magics.practice.hosts import cpu_time

BOOT_ID = Path("proc/sys/kernel/random/boot_id")
CPU_TIMES = Path("proc/stat")
TERMINALS = Path("dev/pts")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
CPU_SECONDS = 1.0
"""How often the CPU times are counted."""


class SystemFiles:
    """Writes these files into the folder of an instance; create it at each boot."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for terminal in (folder / TERMINALS).glob("*"):
            terminal.unlink()
        for each in (BOOT_ID, CPU_TIMES, TERMINALS / "ptmx"):
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
        (folder / BOOT_ID).write_text(f"{uuid.uuid4()}\n")
        self._write_cpu_times()

    async def keep_current(self) -> None:
        """Count the CPU times again and again, in a thread: the server must answer meanwhile."""
        while True:
            await asyncio.sleep(CPU_SECONDS)
            await asyncio.to_thread(self._write_cpu_times)

    def _write_cpu_times(self) -> None:
        file = self._folder / CPU_TIMES
        with suppress(OSError, psutil.Error):
            ticks = round(count_cpu_seconds() * TICKS_PER_SECOND)
            file.with_name(".stat").write_text(f"cpu  {ticks} 0 0 0 0 0 0 0 0 0\n")
            file.with_name(".stat").replace(file)


def count_cpu_seconds() -> float:
    """Return the CPU seconds of all processes that this one has started, ended ones too."""
    total = _sum_times(psutil.Process(), children_only=True)
    for process in cpu_time.list_descendants(os.getpid()):
        with suppress(psutil.Error):
            total += _sum_times(process)
    return total


def link_terminal(folder: Path) -> list[str]:
    """Return the start of a command that enters its terminal among those of the instance."""
    return ["/bin/sh", "-c", 'ln -sf "$(tty)" "$0"; exec "$@"', str(folder / TERMINALS)]


def _sum_times(process: psutil.Process, *, children_only: bool = False) -> float:
    times = process.cpu_times()
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(ended if children_only else ended + times.user + times.system)
