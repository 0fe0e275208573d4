from __future__ import annotations

import asyncio

import pytest

from dl_magics.errors import OutputLost
from dl_magics.gpu_kernel import replay
from dl_magics.gpu_kernel.requests.pending_request import PendingRequest
from support.messages import event, printed, reply, sent, status, stream


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


def feed(journal, hand_over, seconds=None, may_come=lambda _n: False):
    """Return what the request got, what came after it, and whether the link is open afterwards."""
    answer, after = PendingRequest("a"), PendingRequest("a")

    async def feed():
        try:
            fed = replay.feed_request(journal.read, answer, after, hand_over, 0, may_come)
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


def caught_up(busy=None):
    return event("caught_up", busy=busy)


def test_a_request_that_the_journal_of_a_replaced_host_does_not_have_is_not_waited_for():
    journal = Journal(sent("b"), status("idle", "b"), caught_up())

    with pytest.raises(OutputLost, match="no record of this cell: its host was replaced"):
        feed(journal, lambda *_: False)

    assert not journal.is_open


@pytest.mark.parametrize("busy", ["a", ""])
def test_a_request_that_the_kernel_may_run_is_waited_for_though_its_beginning_is_gone(busy):
    journal = Journal(caught_up(busy), *ENTRIES[2:])

    assert feed(journal, lambda *_: True) == ("1", "", False)


def test_a_request_that_is_on_its_way_is_waited_for():
    journal = Journal(caught_up(), *ENTRIES)

    assert feed(journal, lambda *_: True, may_come=lambda _n: True) == ("1", "", False)
