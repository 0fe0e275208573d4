"""Retry with exponential backoff: one call, or a stream that resumes after a lost connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

from dl_magics.errors import DLMagicsError, NoAnswer

T = TypeVar("T")

_FIRST_PAUSE, _FACTOR, _LONGEST_PAUSE = 0.3, 1.6, 10.0
_MAX_LOST_SECONDS = 1800.0


def pauses() -> Iterator[float]:
    """Yield the seconds to wait before each further attempt: 0.3, 0.48, … at most 10."""
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * _FACTOR, _LONGEST_PAUSE)


async def retry(
    attempt: Callable[[], Awaitable[T]],
    *,
    attempts: int | None = 3,
    on: tuple[type[DLMagicsError], ...] = (NoAnswer,),
) -> T:
    """Await `attempt()` until it succeeds and return its result.

    Parameters
    ----------
    attempt
        What may safely be done more than once.
    attempts
        How often to try before the last error is raised; None for no limit.
    on
        The errors after which to try again. Any other error is raised at once.
    """
    for number, pause in enumerate(pauses(), start=1):
        try:
            return await attempt()
        except on:
            if number == attempts:
                raise
            await asyncio.sleep(pause)
    raise AssertionError("pauses() never ends")


async def retry_stream(
    attempt: Callable[[], AsyncIterator[T]], waiting: Callable[[str], T]
) -> AsyncIterator[T]:
    """Yield from `attempt()`; after a lost connection yield `waiting(reason)` and try again.

    The first value of an attempt only states how far the transfer is: any later value is progress
    and resets the pause. The first attempt to connect is not repeated.

    Raises
    ------
    NoAnswer
        if no attempt has connected yet, or there was no progress for half an hour.
    """
    connected, pausing, lost_at = False, pauses(), 0.0
    while True:
        try:
            async for n, value in _enumerate(attempt()):
                connected = True
                if n:
                    pausing, lost_at = pauses(), 0.0
                yield value
        except NoAnswer as error:
            now = time.monotonic()
            lost_at = lost_at or now
            if not connected or now - lost_at > _MAX_LOST_SECONDS:
                raise
            yield waiting(str(error))
            await asyncio.sleep(next(pausing))
        else:
            return


async def _enumerate(values: AsyncIterator[T]) -> AsyncIterator[tuple[int, T]]:
    n = 0
    async for value in values:
        yield n, value
        n += 1
