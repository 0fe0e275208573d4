"""How often to report progress, and at what speed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

SECONDS_BETWEEN = 0.25
_SECONDS_LOOKED_BACK = 10.0


class Throughput:
    """Counts what is done, limits the reports, and measures the speed of the last ten seconds."""

    def __init__(
        self, total: int, clock: Callable[[], float] = time.monotonic, done: int = 0
    ) -> None:
        self.total = total
        self.done = done
        self._clock = clock
        self._reported = clock()
        self._points = deque([(self._reported, done)])

    def add(self, done: int) -> bool:
        """Count `done` more; return whether a report is due."""
        self.done += done
        now = self._clock()
        self._points.append((now, self.done))
        while len(self._points) > 2 and now - self._points[1][0] > _SECONDS_LOOKED_BACK:
            self._points.popleft()
        if now - self._reported < SECONDS_BETWEEN:
            return False
        self._reported = now
        return True

    @property
    def per_second(self) -> float:
        """The number done per second, over the last ten seconds."""
        (start, before), (end, after) = self._points[0], self._points[-1]
        return (after - before) / (end - start) if end > start else 0.0

    @property
    def seconds_left(self) -> float:
        """The remaining seconds at this speed; 0 if the speed is unknown."""
        return (self.total - self.done) / self.per_second if self.per_second else 0.0
