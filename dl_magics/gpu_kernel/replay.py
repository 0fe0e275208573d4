"""Reads a journal again from any entry, over a separate link."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from dl_magics.gpu_kernel.agent_connection import AgentConnection
from dl_magics.gpu_kernel.journal_entry import JournalEntry


async def read_journal(
    open_at: Callable[[int], AgentConnection], since: int, *, follow: bool = False
) -> AsyncIterator[JournalEntry]:
    """Yield the present entries after `since`; with `follow`, also those that come later."""
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
