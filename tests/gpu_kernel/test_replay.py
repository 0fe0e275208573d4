from __future__ import annotations

import asyncio

from dl_magics.gpu_kernel import replay
from dl_magics.gpu_kernel.requests.pending_request import PendingRequest
from support.messages import printed, reply, sent, status, stream


class Journal:
    """Entries that end when the link they come over is closed."""

    def __init__(self, *entries):
        self.is_open = False
        self.read = self._read(entries)

    async def _read(self, entries):
        self.is_open = True
        try:
            for entry in entries:
                yield entry
            await asyncio.Event().wait()
        finally:
            self.is_open = False


ENTRIES = [sent("a"), status("busy", "a"), stream("1", "a"), reply("a"), status("idle", "a")]


def feed(journal, hand_over, seconds=None):
    """Return what the request got, what came after it, and whether the link is open afterwards."""
    answer, after = PendingRequest("a"), PendingRequest("a")

    async def feed():
        try:
            fed = replay.feed_request(journal.read, answer, after, hand_over, 0)
            await asyncio.wait_for(fed, seconds)
        except TimeoutError:
            after.put(None)
        return journal.is_open

    is_open = asyncio.run(feed())
    return printed(answer), printed(after), is_open


def test_an_older_request_gets_its_messages_and_what_came_after_its_end():
    journal = Journal(*ENTRIES, stream("2", "a"), stream("other", "b"), stream("3", "a"))

    assert feed(journal, lambda *_: False, seconds=0.1) == ("1", "23", False)


def test_the_link_is_closed_as_soon_as_later_messages_come_in_another_way():
    journal = Journal(*ENTRIES, stream("2", "a"))

    assert feed(journal, lambda *_: True) == ("1", "", False)
