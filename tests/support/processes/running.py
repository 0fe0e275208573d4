"""What runs on this computer."""

from __future__ import annotations

from contextlib import suppress

import psutil


def find_processes(*parts: str) -> list[psutil.Process]:
    """Return the processes whose command line has these parts.

    `psutil.process_iter` would give one that has ended if another has its number by now.
    """
    found = []
    for pid in psutil.pids():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            line = " ".join(process.cmdline())
            if all(part in line for part in parts):
                found.append(process)
    return found
