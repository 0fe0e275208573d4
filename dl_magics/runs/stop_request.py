"""How a run is asked to stop: by a file in its folder, or by the interrupt of its process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

FILE_NAME = "stop"


def request_stop(folder: Path) -> None:
    """Ask the run in this folder to end at its next batch, whoever runs it."""
    (folder / FILE_NAME).touch()


def is_stop_requested(folder: Path) -> bool:
    """Tell whether someone asked the run in this folder to end."""
    return (folder / FILE_NAME).exists()


def clear_request(folder: Path) -> None:
    """Let the run in this folder begin again as if nobody had asked."""
    (folder / FILE_NAME).unlink(missing_ok=True)


@contextmanager
def catch_first_interrupt() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether the process was interrupted.

    The first interrupt only asks for a stop, a second raises KeyboardInterrupt. Outside the main
    thread Python allows no handler: there the function stays false, and interrupts go where they
    always went.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop.is_set
        return

    def handler(_signal: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield stop.is_set
    finally:
        signal.signal(signal.SIGINT, before)
