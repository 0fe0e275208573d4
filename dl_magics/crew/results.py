"""The batches of a crew that are on their way, and the features that have arrived.

The event loop writes, the thread of the run reads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dl_magics.errors import DLMagicsError
from dl_magics.runs.events import Warned
from dl_magics.training.crew.batches import Features
from dl_magics.training.engine.inference.compute import NotComputedYet

# How long the run waits for features before it looks whether it was stopped.
_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that was sent: its bytes, for another worker, its images, and how often it failed."""

    packed: bytes
    images: int
    failed: int = 0


class Results:
    """What the run waits for: features by the number of their batch, warnings, or an error."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.sent: dict[int, Sent] = {}
        self._arrived: dict[int, Features] = {}
        self._warnings: deque[Warned] = deque()
        self._error: DLMagicsError | None = None

    def add(self, number: int, features: Features) -> None:
        """Keep the features of a batch until the run fetches them."""
        with self.changed:
            self.sent.pop(number, None)
            self._arrived[number] = features
            self.changed.notify_all()

    def warn(self, code: str, text: str, fix: str) -> None:
        """Add a warning."""
        with self.changed:
            self._warnings.append(Warned(code=code, text=text, fix=fix))
            self.changed.notify_all()

    def fail(self, error: DLMagicsError) -> None:
        """Let the run end with an error, once it has fetched what has arrived."""
        with self.changed:
            self._error = self._error or error
            self.changed.notify_all()

    def wake(self) -> None:
        """Let `wait_for` look again."""
        with self.changed:
            self.changed.notify_all()

    def fetch(self, number: int) -> Features:
        """Return the features of a batch; raises NotComputedYet after a moment, or the error."""
        with self.changed:
            if not self._is_decided(number):
                self.changed.wait_for(lambda: self._is_decided(number), _SECONDS)
            if number in self._arrived:
                return self._arrived.pop(number)
            if self._error:
                raise self._error
        raise NotComputedYet

    def wait_for(self, is_decided: Callable[[], bool], stop: Callable[[], bool]) -> None:
        """Wait until `is_decided()`, or until an error; raise KeyboardInterrupt if `stop()`."""
        with self.changed:
            while not (is_decided() or self._error):
                if stop():
                    raise KeyboardInterrupt
                self.changed.wait(_SECONDS)
            if self._error and not is_decided():
                raise self._error

    def take_warnings(self) -> Iterator[Warned]:
        """Yield each warning once."""
        while self._warnings:
            yield self._warnings.popleft()

    def _is_decided(self, number: int) -> bool:
        return number in self._arrived or self._error is not None
