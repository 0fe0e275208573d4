"""Reads a journal again from any entry, over a separate link."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from dl_magics.errors import DLMagicsError
from dl_magics.gpu_kernel.agent_connection import AgentConnection
from dl_magics.gpu_kernel.journal_entry import JournalEntry
from dl_magics.gpu_kernel.requests.pending_request import PendingRequest
from dl_magics.gpu_kernel.requests.pending_requests import PendingRequests


async def read_journal(
    open_at: Callable[[int], Awaitable[AgentConnection]], since: int, *, follow: bool = False
) -> AsyncGenerator[JournalEntry, None]:
    """Yield the present entries after `since`; with `follow`, also those that come later."""
    reading = await open_at(since)
    try:
        last = (await reading.wait_attached()).n
        if last <= since and not follow:
            return
        async for entry in reading.entries():
            yield entry
            if entry.n >= last and not follow:
                return
    finally:
        await reading.close()


async def feed_request(
    entries: AsyncGenerator[JournalEntry, None],
    answer: PendingRequest,
    after: PendingRequest,
    hand_over: Callable[[PendingRequest, int], bool],
    since: int,
) -> None:
    """Give the messages of an older request to `answer`, and those after its end to `after`.

    `hand_over` is called with `after` and the number of an entry; it returns whether the later
    messages come in another way.
    """
    requests = PendingRequests()
    requests.expect(answer, accepted_at=since or None)
    try:
        # Else the link of the entries would reconnect until they are collected as garbage.
        async with aclosing(entries):
            async for entry in entries:
                if requests.waits_for(answer.id):
                    requests.take(entry)
                elif entry.channel == "iopub" and entry.answers == answer.id:
                    after.put({**entry.message, "channel": entry.channel})
                if not requests.waits_for(answer.id) and hand_over(after, entry.n):
                    after.put(None)
                    return
    except DLMagicsError as error:
        requests.fail(error)
        after.put(error)
