"""Estimates whether a connection has bandwidth for a second stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

# OpenSSH's window: the unacknowledged bytes of one stream.
_WINDOW_BYTES = 2 * 2**20
_FAST_BYTES_A_SECOND = 4 * 2**20


class BandwidthEstimate:
    """Counts sent bytes and sets `fast` once the connection has proved to be fast.

    One stream has at most 2 MB in flight, which does not fill a fast connection with a high
    latency. On a slow connection, a second stream would only delay the messages of the kernel.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began, self._sent = clock, clock(), 0
        self.fast = asyncio.Event()

    def add(self, size: int) -> None:
        """Count sent bytes; the last 2 MB may not have arrived."""
        self._sent += size
        arrived = self._sent - _WINDOW_BYTES
        seconds = self._clock() - self._began
        if arrived >= _WINDOW_BYTES and arrived > _FAST_BYTES_A_SECOND * seconds:
            self.fast.set()
