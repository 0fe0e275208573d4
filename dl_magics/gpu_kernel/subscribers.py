"""Subscribers to journal entries within this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from dl_magics.errors import KernelDied, NoAnswer
from dl_magics.gpu_kernel.journal_entry import JournalEntry


class Subscriber:
    """The entries received from its creation until the link is closed."""

    def __init__(self, watchers: Subscribers) -> None:
        self._watchers = watchers
        self._coming: asyncio.Queue[JournalEntry | None] = asyncio.Queue()

    def put(self, entry: JournalEntry | None) -> None:
        """Add an entry; None marks the end."""
        self._coming.put_nowait(entry)

    async def next(self) -> JournalEntry:
        """Wait for the next entry; raises NoAnswer if the link is closed."""
        if (entry := await self._coming.get()) is None:
            raise NoAnswer(
                "The link to the GPU kernel is closed.", fix="%gpu_connect opens it again."
            )
        return entry

    async def fulfilled(self, request_id: str) -> int:
        """Wait until a request is confirmed; return the number of the entry that confirms it."""
        while (entry := await self.next()).id != request_id:
            pass
        return entry.n

    async def ready(self, after: int) -> None:
        """Wait until the kernel is ready; raises KernelDied if it ended before that."""
        while (entry := await self.next()).n <= after or entry.event != "kernel_ready":
            if entry.n > after and entry.event == "kernel_died":
                raise KernelDied(
                    f"The kernel did not start on the host: {entry.message['why']}",
                    fix="%gpu_status shows what is installed; %gpu_connect --setup installs it.",
                )

    async def all(self) -> AsyncIterator[JournalEntry]:
        """Yield entries until the link is closed."""
        try:
            while entry := await self._coming.get():
                yield entry
        finally:
            self.close()

    def close(self) -> None:
        """Unsubscribe."""
        self._watchers.forget(self)


class Subscribers:
    """The set of current subscribers."""

    def __init__(self) -> None:
        self._all: set[Subscriber] = set()
        self._over = False

    def watch(self) -> Subscriber:
        """Add a subscriber."""
        watcher = Subscriber(self)
        self._all.add(watcher)
        if self._over:
            watcher.put(None)
        return watcher

    def tell(self, entry: JournalEntry | None) -> None:
        """Pass an entry, or None for the end, to every subscriber."""
        self._over = entry is None
        for watcher in self._all:
            watcher.put(entry)

    def forget(self, watcher: Subscriber) -> None:
        """Remove a subscriber."""
        self._all.discard(watcher)
