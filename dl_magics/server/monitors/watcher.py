"""A thread that looks at something while somebody wants to see it, or while it goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

LOOK_SECONDS = 90.0
"""For how long a request counts as somebody who looks."""

_WATCHED, _UNWATCHED = 0.5, 2.0


class Watcher:
    """Calls `step` again and again, which returns whether something goes on that must be watched.

    It is called twice a second while somebody looks, every two seconds while something goes on,
    and not at all otherwise: then the thread sleeps until `look`.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        log: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._step, self._log, self._clock = name, step, log, clock
        self._looked_at = -LOOK_SECONDS
        self._wake, self._closed = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_looked_at(self) -> bool:
        """Whether somebody has looked in the last 90 seconds."""
        return self._clock() - self._looked_at < LOOK_SECONDS

    def look(self) -> None:
        """Note that somebody looks; called on the server's loop."""
        self._looked_at = self._clock()
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """End the thread after its present step."""
        self._closed.set()
        self._wake.set()

    def choose_pause(self, *, goes_on: bool) -> float | None:
        """Return the seconds until the next step; None if there is none until somebody looks."""
        if self.is_looked_at:
            return _WATCHED
        return _UNWATCHED if goes_on else None

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.clear()
            pause = self.choose_pause(goes_on=self._call_step())
            if pause == _WATCHED:
                # One more who looks does not bring the next step forward.
                self._closed.wait(pause)
            else:
                self._wake.wait(pause)

    def _call_step(self) -> bool:
        try:
            return self._step()
        except Exception:
            # The next step may succeed: a browser must not be left with what was true once.
            self._log.exception("%s", self._name)
            return True
