"""Writes the journal; while the disk is full, entries are queued in order."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import Callable

from .journal import Journal
from .messages import Message

SYNC_SECONDS = 1.0


class Recorder:
    """Writes each entry before it runs the action that depends on it.

    Parameters
    ----------
    changed
        Called after a write, and when the disk becomes full or has free space again.
    """

    def __init__(self, journal: Journal, changed: Callable[[], None]) -> None:
        self.full = ""
        self._journal = journal
        self._changed = changed
        self._waiting: deque[tuple[str, Message, float, Callable[[], None]]] = deque()

    def record(
        self, channel: str, message: Message, then: Callable[[], None] = lambda: None
    ) -> None:
        """Write an entry, then call `then`."""
        self._waiting.append((channel, message, time.time(), then))
        if len(self._waiting) == 1:
            self.write()

    def write(self) -> None:
        """Write the queued entries while there is free space."""
        self.full = ""
        while self._waiting:
            channel, message, at, then = self._waiting[0]
            try:
                self._journal.append(channel, message, at)
            except OSError as error:
                self.full = str(error.strerror)
                break
            self._waiting.popleft()
            then()
        self._changed()

    @property
    def waits(self) -> bool:
        """Whether entries are queued."""
        return bool(self._waiting)

    def sync_always(self) -> None:
        """Flush the journal to disk once a second, in a thread because it may block."""
        threading.Thread(target=self._sync, daemon=True).start()

    def _sync(self) -> None:
        while True:
            time.sleep(SYNC_SECONDS)
            try:
                self._journal.sync()
            except OSError as error:
                print("The disk did not take the journal:", error, file=sys.stderr, flush=True)
