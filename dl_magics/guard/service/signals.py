"""Looks at the instance: CPU, network, terminals and GPUs; what differs from the last look."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .decision import Signals
from .kernels import Kernels
from .runs import Runs
from .settings import Settings

GPU_SECONDS = 15.0
# What nvidia-smi prints where there is no GPU that anything could use.
NO_GPU = ("couldn't communicate with the NVIDIA driver", "No devices were found")
GPU_QUERY = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
T = TypeVar("T")


class Observer:
    """Takes the signals; `mean_gpu` is the mean utilization of the last look, from 0 to 1."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kernels, self._runs = Kernels(), Runs()
        self._cpu = _attempt(lambda: read_cpu_seconds(settings.cpu_file) - _own_seconds())
        self._bytes = _attempt(lambda: read_network_bytes(settings.network_file))
        self._typed = _attempt(lambda: read_last_typing(settings.terminal_folder))
        self._awake = read_clocks()[0]
        self.mean_gpu: float | None = None

    def look(self, settings: Settings) -> Signals:
        """Return the signals since the last look."""
        self._settings = settings
        awake, boot = read_clocks()
        seconds = max(awake - self._awake, 0.001)
        self._awake = awake
        cells, output = self._kernels.count_cells(settings.agents)
        runs, events = self._runs.count_going_on(settings.runs, awake)
        return Signals(
            awake=awake,
            boot=boot,
            cells=cells,
            runs=runs,
            gpu=self._look_at_gpus(),
            cores=self._count_cores(seconds),
            network=self._count_bytes(seconds),
            typing=self._look_at_terminals(),
            progress=output or events,
        )

    def request_checkpoints(self, settings: Settings, reason: str, seconds: float) -> None:
        """Ask each run that goes on to save a checkpoint: the instance ends in so many seconds."""
        at = time.time() + seconds
        self._runs.request_checkpoints(settings.checkpoint_name, self._awake, reason, at)

    def _look_at_gpus(self) -> float | None:
        self.mean_gpu = None
        try:
            used = read_gpu_percents()
        except (OSError, ValueError, subprocess.SubprocessError):
            return None
        if used:
            self.mean_gpu = sum(used) / len(used) / 100
        return max(used, default=0.0)

    def _count_cores(self, seconds: float) -> float | None:
        before = self._cpu
        # Not what the guard itself and its checks use.
        self._cpu = _attempt(lambda: read_cpu_seconds(self._settings.cpu_file) - _own_seconds())
        return None if before is None or self._cpu is None else (self._cpu - before) / seconds

    def _count_bytes(self, seconds: float) -> float | None:
        before = self._bytes
        self._bytes = _attempt(lambda: read_network_bytes(self._settings.network_file))
        return None if before is None or self._bytes is None else (self._bytes - before) / seconds

    def _look_at_terminals(self) -> bool | None:
        before = self._typed
        self._typed = _attempt(lambda: read_last_typing(self._settings.terminal_folder))
        return None if before is None or self._typed is None else self._typed > before


def read_clocks() -> tuple[float, float]:
    """Return the clock that stops while the machine is suspended, and the one that does not."""
    boot_clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.monotonic(), time.clock_gettime(boot_clock)


def read_cpu_seconds(file: str) -> float:
    """Return the CPU seconds used since the boot; waiting for a disk is not use."""
    words = Path(file).read_text().split("\n", 1)[0].split()
    user, nice, system, _idle, _iowait, *interrupts = map(int, words[1:])
    ticks = user + nice + system + sum(interrupts[:2])
    return ticks / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    return sum(os.times()[:4])


def read_network_bytes(file: str) -> float:
    """Return the bytes received and sent since the boot, without the loopback."""
    if not Path(file).exists():
        return 0.0
    total = 0
    for line in Path(file).read_text().splitlines()[2:]:
        name, _, numbers = line.partition(":")
        if name.strip() != "lo":
            received, sent = numbers.split()[0], numbers.split()[8]
            total += int(received) + int(sent)
    return float(total)


def read_last_typing(folder: str) -> float:
    """Return when something was last typed in a terminal; its output does not count."""
    return max((_read_typing(each) for each in list_terminals(folder)), default=0.0)


def _read_typing(terminal: Path) -> float:
    try:
        return terminal.stat().st_atime
    except OSError:
        return 0.0  # it was closed


def list_terminals(folder: str) -> tuple[Path, ...]:
    """Return the terminals of the logins."""
    return tuple(sorted(Path(folder).glob("[0-9]*")))


def read_gpu_percents() -> tuple[float, ...]:
    """Return the utilization of each NVIDIA GPU in percent; () if there is none.

    Raises OSError, ValueError or SubprocessError where it cannot be told.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    done = subprocess.run(
        [program, *GPU_QUERY],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=GPU_SECONDS,
        check=False,
    )
    output = done.stdout.decode("utf-8", "replace")
    if any(text in output for text in NO_GPU):
        return ()
    if done.returncode:
        raise ValueError(f"nvidia-smi: exit status {done.returncode}")
    return tuple(map(float, output.split()))


def _attempt(read: Callable[[], T]) -> T | None:
    """Return what a check reads; None if it fails."""
    try:
        return read()
    except (OSError, ValueError, IndexError):
        return None
