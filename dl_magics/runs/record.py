"""A cached view of a run: its log is parsed once, then read from where the last read ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from dl_magics.errors import DamagedRun
from dl_magics.runs import log, remote_origin
from dl_magics.runs.events import Event, RunEnded
from dl_magics.runs.log import LogReader
from dl_magics.runs.state import RunState

_SECONDS_BETWEEN_LOOKS = 0.1


class RunRecord:
    """The events and the state of the run in one folder.

    The record only reads. It may be shared by threads: each line of the log is parsed once, however
    many of them ask.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._reader = LogReader(folder)
        self._events: list[Event] = []
        self._state = RunState()
        self._lock = threading.Lock()

    @property
    def events(self) -> tuple[Event, ...]:
        """The events read so far."""
        return tuple(self._events)

    @property
    def state(self) -> RunState:
        """The state after the events read so far."""
        return self._state

    def refresh(self) -> RunState:
        """Read what was appended to the log since the last call; return the state after it.

        Raises DamagedRun at a complete line that is not an event; the events before it are kept.
        """
        with self._lock:
            for event in self._reader.read_new():
                self._events.append(event)
                self._state = self._state.apply(event)
            return self._state

    def snapshot(self) -> RunState:
        """Return the state now; "interrupted" if the log has no end and no process writes to it."""
        # Checked before the log is read, as the run may end in between.
        is_written = log.is_being_written(self.folder)
        state = self.refresh()
        if state.ended or is_written or remote_origin.is_running(self.folder):
            return state
        return replace(state, status="interrupted")

    def follow(self, sleep: Callable[[float], None] = time.sleep) -> Iterator[Event]:
        """Yield every event from the first on, and new ones as long as a process writes the log.

        The log of a killed run does not say how the run ended: a `RunEnded` is added. Between two
        reads `sleep(seconds)` is called until the size of the file changes or its writer is gone.
        """
        seen = 0
        while True:
            is_written = log.is_being_written(self.folder)
            damage = None
            try:
                self.refresh()
            except DamagedRun as error:
                damage = error
            for event in self._events[seen:]:
                seen += 1
                yield event
            if damage:
                raise damage
            if not is_written:
                break
            self._wait_for_change(sleep)
        yield from self.missing_end()

    def missing_end(self) -> Iterator[RunEnded]:
        """Yield the `RunEnded` that the log of a killed run lacks."""
        last = self._events[-1] if self._events else Event()
        if not isinstance(last, RunEnded):
            yield RunEnded(n=last.n + 1, t=last.t, status="interrupted")

    def _wait_for_change(self, sleep: Callable[[float], None]) -> None:
        while True:
            sleep(_SECONDS_BETWEEN_LOOKS)
            if self._reader.has_grown() or not log.is_being_written(self.folder):
                return
