"""Bytes of memory that threads share: who needs more than is left waits until others have ended."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition


class ByteBudget:
    """So many bytes for all threads together; what is larger than all of them is held alone."""

    def __init__(self, size: int) -> None:
        self._size = self._left = size
        self._changed = Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Wait until so many bytes are left, and hold them for the block."""
        held = min(size, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= held)
            self._left -= held
        try:
            yield
        finally:
            with self._changed:
                self._left += held
                self._changed.notify_all()


def return_free_memory() -> None:
    """Return freed memory to the system: glibc keeps that of a large image, for each thread."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
