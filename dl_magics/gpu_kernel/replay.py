"""A journal read once more from any place on, over a link of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from dl_magics.gpu_kernel.agent_connection import Link
from dl_magics.gpu_kernel.journal_entry import Entry


async def journal(
    open_at: Callable[[int], Link], since: int, *, follow: bool = False
) -> AsyncIterator[Entry]:
    """Yield the entries after `since` that there are by now, or on and on."""
    reading = open_at(since)
    try:
        last = (await reading.attached())["n"]
        if last <= since and not follow:
            return
        async for entry in reading.entries():
            yield entry
            if entry.n >= last and not follow:
                return
    finally:
        await reading.close()
