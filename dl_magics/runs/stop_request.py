"""Requests to stop a run: a file in its folder, or an interrupt of its process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from dl_magics.store import private

FILE_NAME = "stop"


def request_stop(folder: Path) -> None:
    """Ask the run in this folder, in whichever process, to end at its next batch."""
    private.touch(folder / FILE_NAME)


def is_stop_requested(folder: Path) -> bool:
    """Return whether the run in this folder was asked to end."""
    return (folder / FILE_NAME).exists()


def clear_request(folder: Path) -> None:
    """Remove the request, so that the run in this folder can be resumed."""
    (folder / FILE_NAME).unlink(missing_ok=True)


@contextmanager
def catch_first_interrupt() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether SIGINT was received.

    The first SIGINT only sets this flag, the second raises KeyboardInterrupt. Python allows signal
    handlers in the main thread only: in another thread the function always returns False and
    SIGINT keeps its handler.
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
