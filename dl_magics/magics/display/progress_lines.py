"""Lines of progress, where nothing can be updated in place."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS_BETWEEN = 10.0


class LinePace:
    """Limits the lines of progress to one every ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """Begin the ten seconds again, as a line was printed."""
        self._next = self._clock() + SECONDS_BETWEEN

    def is_due(self) -> bool:
        """Return whether the last line is ten seconds old."""
        return self._clock() >= self._next
