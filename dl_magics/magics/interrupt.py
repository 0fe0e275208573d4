"""The first interrupt of a cell stops gracefully, the second aborts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def graceful() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether the kernel was interrupted.

    A second interrupt raises KeyboardInterrupt. Outside the main thread Python allows no handler:
    there the function stays false, and interrupts go where they always went.
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
