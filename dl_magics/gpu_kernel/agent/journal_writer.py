"""Writes the journal; while the disk is full, everything waits in its order."""

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
    """Journals first, and only then lets happen what follows.

    Parameters
    ----------
    changed
        Called after something was written, or when the disk became full or has room again.
    """

    def __init__(self, journal: Journal, changed: Callable[[], None]) -> None:
        self.full = ""
        self._journal = journal
        self._changed = changed
        self._waiting: deque[tuple[str, Message, float, Callable[[], None]]] = deque()

    def record(
        self, channel: str, message: Message, then: Callable[[], None] = lambda: None
    ) -> None:
        """Write an entry, then do the rest."""
        self._waiting.append((channel, message, time.time(), then))
        if len(self._waiting) == 1:
            self.write()

    def write(self) -> None:
        """Write what waits, as far as there is room."""
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
        """Whether something could not be written yet."""
        return bool(self._waiting)

    def sync_always(self) -> None:
        """Let the disk have all once a second, in a thread: the disk may take its time."""
        threading.Thread(target=self._sync, daemon=True).start()

    def _sync(self) -> None:
        while True:
            time.sleep(SYNC_SECONDS)
            try:
                self._journal.sync()
            except OSError as error:
                print("The disk did not take the journal:", error, file=sys.stderr, flush=True)
