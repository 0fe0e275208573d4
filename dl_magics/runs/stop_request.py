"""Requests to stop a run: a file in its folder, or an interrupt of its process."""

from __future__ import annotations

import select
import signal
import socket
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


def _ignore() -> None:
    """The default of what acknowledges an interrupt."""


@contextmanager
def catch_first_interrupt(
    acknowledge: Callable[[], object] = _ignore,
) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether SIGINT was received.

    The first SIGINT only sets this flag, the second raises KeyboardInterrupt. `acknowledge` is
    called at the first one in another thread, at once, also while the main thread is in C code that
    lets no handler run, such as a long batch. Python allows signal handlers in the main thread
    only: in another thread the function always returns False and SIGINT keeps its handler.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    interrupts = _Interrupts(acknowledge)
    with interrupts.watching():
        yield interrupts.first.is_set


class _Interrupts:
    """Counts the interrupts: in a thread as they arrive, in the handler when Python runs it."""

    def __init__(self, acknowledge: Callable[[], object]) -> None:
        self.first = threading.Event()
        self._acknowledge = acknowledge
        self._received = 0
        self._handled = 0
        # The C part of Python writes the number of each signal to this socket when it arrives.
        self._reading, self._writing = socket.socketpair()
        self._receiving = threading.Lock()

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._reading.setblocking(False)
        self._writing.setblocking(False)
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        waker = signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        handler = signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, handler)
            signal.set_wakeup_fd(waker)
            self._writing.close()
            thread.join()
            self._reading.close()

    def _watch(self) -> None:
        while select.select([self._reading], [], []):
            with self._receiving:
                numbers = self._reading.recv(64)
                before, self._received = self._received, self._received + _count_interrupts(numbers)
            if not numbers:
                return
            if self._received:
                self.first.set()
            if self._received and not before:
                self._acknowledge()

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        self._handled += 1
        self.first.set()
        # Two that arrive during one call into C are handled as one, maybe before the thread runs.
        if max(self._handled, self._count_arrived()) > 1:
            raise KeyboardInterrupt

    def _count_arrived(self) -> int:
        with self._receiving:
            try:
                waiting = self._reading.recv(64, socket.MSG_PEEK)
            except BlockingIOError:
                return self._received
            return self._received + _count_interrupts(waiting)


def _count_interrupts(numbers: bytes) -> int:
    return numbers.count(signal.SIGINT)
