"""What must go on after the link was lost: again and again, with longer and longer pauses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from dl_magics.errors import NoAnswer

T = TypeVar("T")

_FIRST_PAUSE, _LONGER, _LONGEST_PAUSE = 0.3, 1.6, 10.0
_PATIENCE_SECONDS = 1800.0


async def retry_stream(
    attempt: Callable[[], AsyncIterator[T]], waiting: Callable[[str], T]
) -> AsyncIterator[T]:
    """Yield from an attempt; where the link is lost, say so and make another attempt.

    A host that never answered raises at once; one that stays away, after half an hour. An attempt
    begins by saying how far it is: only what comes after that is progress.
    """
    reached, pause, lost = False, _FIRST_PAUSE, 0.0
    while True:
        try:
            async for n, each in _numbered(attempt()):
                reached = True
                if n:
                    pause, lost = _FIRST_PAUSE, 0.0
                yield each
        except NoAnswer as error:
            now = time.monotonic()
            lost = lost or now
            if not reached or now - lost > _PATIENCE_SECONDS:
                raise
            yield waiting(str(error))
            await asyncio.sleep(pause)
            pause = min(pause * _LONGER, _LONGEST_PAUSE)
        else:
            return


async def _numbered(values: AsyncIterator[T]) -> AsyncIterator[tuple[int, T]]:
    n = 0
    async for each in values:
        yield n, each
        n += 1
