"""What a test run that was killed left behind: practice clouds, kernels, browsers."""

from __future__ import annotations

import os

import psutil

from support.processes.running import find_processes

MARK = "DL_MAGICS_TEST_RUN"


def mark() -> None:
    """Let every process that comes of this run say so."""
    os.environ.setdefault(MARK, _name(psutil.Process()))


def end() -> None:
    """End what comes of runs that are no more; what belongs to one that goes on stays."""
    for process in find_processes():
        try:
            run = process.environ().get(MARK, "")
            if run and not _goes_on(run):
                process.kill()
        except psutil.Error:
            continue


def _goes_on(run: str) -> bool:
    try:
        return _name(psutil.Process(int(run.partition(" ")[0]))) == run
    except psutil.NoSuchProcess:
        return False


def _name(process: psutil.Process) -> str:
    """Return a name that no later process has, though it may get the same number."""
    return f"{process.pid} {process.create_time():.2f}"
