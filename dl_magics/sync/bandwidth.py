"""Whether a line has room for a second stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

# What OpenSSH lets a stream have on its way.
_WINDOW_BYTES = 2 * 2**20
_FAST_BYTES_A_SECOND = 4 * 2**20


class BandwidthEstimate:
    """Counts what is sent, and tells as soon as the line has shown that it is `fast`.

    One stream has at most 2 MB on their way, so it never fills a line that is fast and long. On a
    slow line a second one would only delay what the kernel says.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began, self._sent = clock, clock(), 0
        self.fast = asyncio.Event()

    def add(self, size: int) -> None:
        """Count what was sent; the last 2 MB may not have arrived."""
        self._sent += size
        arrived = self._sent - _WINDOW_BYTES
        seconds = self._clock() - self._began
        if arrived >= _WINDOW_BYTES and arrived > _FAST_BYTES_A_SECOND * seconds:
            self.fast.set()
