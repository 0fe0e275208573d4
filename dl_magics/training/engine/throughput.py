"""How often to tell, and how fast it goes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

SECONDS_BETWEEN = 0.25
_SECONDS_LOOKED_BACK = 10.0


class Throughput:
    """Counts what is done, says when to tell it, and knows the speed of the last ten seconds."""

    def __init__(
        self, total: int, clock: Callable[[], float] = time.monotonic, done: int = 0
    ) -> None:
        self.total = total
        self.done = done
        self._clock = clock
        self._told = clock()
        self._points = deque([(self._told, done)])

    def add(self, done: int) -> bool:
        """Count `done` more; return whether it is time to tell."""
        self.done += done
        now = self._clock()
        self._points.append((now, self.done))
        while len(self._points) > 2 and now - self._points[1][0] > _SECONDS_LOOKED_BACK:
            self._points.popleft()
        if now - self._told < SECONDS_BETWEEN:
            return False
        self._told = now
        return True

    @property
    def per_second(self) -> float:
        """What was done a second, lately."""
        (start, before), (end, after) = self._points[0], self._points[-1]
        return (after - before) / (end - start) if end > start else 0.0

    @property
    def seconds_left(self) -> float:
        """How long the rest takes at this speed; 0 where nothing is known yet."""
        return (self.total - self.done) / self.per_second if self.per_second else 0.0
