"""Reads a journal again from any entry, over a separate link."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from dl_magics.errors import DLMagicsError
from dl_magics.gpu_kernel.agent_connection import AgentConnection
from dl_magics.gpu_kernel.journal_entry import CAUGHT_UP, JournalEntry
from dl_magics.gpu_kernel.requests.pending_request import PendingRequest
from dl_magics.gpu_kernel.requests.pending_requests import PendingRequests, may_be, unknown


async def read_journal(
    open_at: Callable[[int], Awaitable[AgentConnection]], since: int, *, follow: bool = False
) -> AsyncGenerator[JournalEntry, None]:
    """Yield the present entries after `since`; with `follow`, also those that come later.

    Between the two it yields the event `caught_up`, with the request that the kernel runs.
    """
    reading = await open_at(since)
    try:
        status = await reading.wait_attached()
        caught_up = {"event": CAUGHT_UP, "busy": status.busy}
        end = JournalEntry(status.n, time.time(), "agent", caught_up)
        if status.n <= since and not follow:
            return
        if status.n == since:
            yield end
        async for entry in reading.entries():
            yield entry
            if entry.n >= status.n and not follow:
                return
            if entry.n == status.n:
                yield end
    finally:
        await reading.close()


async def feed_request(
    entries: AsyncGenerator[JournalEntry, None],
    answer: PendingRequest,
    after: PendingRequest,
    hand_over: Callable[[PendingRequest, int], bool],
    since: int,
    may_come: Callable[[int], bool],
) -> None:
    """Give the messages of an older request to `answer`, and those after its end to `after`.

    `hand_over` is called with `after` and the number of an entry; it returns whether the later
    messages come in another way. `may_come` is called with the number of the last entry, where the
    journal does not have the request; it returns whether it is on its way.
    """
    requests = PendingRequests()
    is_known, is_caught_up = False, False
    requests.expect(answer, accepted_at=since or None)
    try:
        # Else the link of the entries would reconnect until they are collected as garbage.
        async with aclosing(entries):
            async for entry in entries:
                is_known |= answer.id in (entry.id, entry.answers)
                if entry.event == CAUGHT_UP:
                    is_caught_up = True
                    is_known |= may_be(entry.message["busy"], answer.id)
                if is_caught_up and not (is_known or may_come(entry.n)):
                    raise unknown()
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
