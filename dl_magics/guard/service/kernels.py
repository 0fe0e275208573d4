"""Asks the agents of our kernels whether a cell is running."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

from .files import find_paths

ANSWER_SECONDS = 3.0
MAX_ANSWER_BYTES = 65_536
SOCKETS = ("agent.sock", "sockets/agent.sock")


class Kernels:
    """Counts the running cells, and notices their output by the numbers of the journals."""

    def __init__(self) -> None:
        self._numbers: dict[str, Any] = {}

    def count_cells(self, patterns: Sequence[str]) -> tuple[int | None, bool | None]:
        """Return how many kernels run a cell, and whether one of these sent a message.

        Both are None where an agent runs but does not answer. Without an agent nothing is known
        of its kernel: what that computes is seen by its use of CPU and GPU.
        """
        running, progress, failed = 0, False, False
        numbers: dict[str, Any] = {}
        for path in _list_sockets(patterns):
            try:
                status = ask_agent(path)
            except ConnectionError:
                continue
            except (OSError, ValueError):
                failed = True
                continue
            number = numbers[path] = status.get("n")
            # A front end that connects asks the kernel too, but it runs no cell.
            if status.get("state") == "busy":
                running += 1
                progress = progress or (path in self._numbers and self._numbers[path] != number)
        self._numbers = numbers
        if failed:
            return None, progress or None
        return running, progress


def ask_agent(path: str) -> dict[str, Any]:
    """Return the status of the agent at a socket.

    Raises ConnectionError if none listens, OSError or ValueError if it sends no valid answer.
    """
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(ANSWER_SECONDS)
        end.connect(path)
        end.sendall(b'{"op":"status"}\n')
        answer = end.makefile("rb").readline(MAX_ANSWER_BYTES)
    status = json.loads(answer)
    if not isinstance(status, dict):
        raise ValueError("not a status")
    return status


def _list_sockets(patterns: Sequence[str]) -> Sequence[str]:
    # The folder of a long path keeps its socket elsewhere: a socket address has 107 bytes.
    folders = [folder for pattern in patterns for folder in find_paths(pattern)]
    found = [folder / name for folder in folders for name in SOCKETS]
    return [str(path.resolve()) for path in found if path.exists()]
