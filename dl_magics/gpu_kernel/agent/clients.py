"""The attached clients; each of them receives every entry."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from .files import replace
from .journal import Journal
from .messages import as_line

REMEMBER_SECONDS = 7 * 24 * 3600


class Client:
    """An attached client; it receives every entry after the last one it has."""

    def __init__(self, journal: Journal, writer: asyncio.StreamWriter) -> None:
        self.more = asyncio.Event()
        self.name = ""
        self.had: int | None = None
        self._largest = 0
        self._journal = journal
        self._writer = writer
        self._place: tuple[int, int] | None = None

    def say(self, document: dict[str, Any]) -> None:
        """Send a line between journal entries."""
        self._writer.write(as_line(document))

    def greet(self, request: dict[str, Any], status: dict[str, Any]) -> None:
        """Send the welcome and every entry after the last one that the client has."""
        since, boot = request["since"], request.get("boot", "")
        # The bytes that the client has of the next entry count only if that entry survived.
        has_next = self._journal.after(since + 1, boot) == since + 1
        since = self._journal.after(since, boot)
        self.name, self.had = request.get("client", ""), since
        self._largest = request.get("largest", sys.maxsize)
        self._place = self._journal.place(since, request.get("offset", 0) if has_next else 0)
        offset = self._journal.offset(self._place)
        self.say(dict(status, op="welcome", since=since, offset=offset))
        self.more.set()

    def close(self) -> None:
        """End the connection without sending what waits."""
        self._writer.transport.abort()

    async def pump(self) -> None:
        """Send journal entries as fast as the client reads them."""
        while await self.more.wait():
            self.more.clear()
            while self._place:
                data, self._place = self._journal.read(self._place, self._largest)
                if not data:
                    break
                self._writer.write(data)
                await self._writer.drain()


class Clients:
    """The attached clients, and the last entry of each disconnected one that may return."""

    def __init__(self, file: Path) -> None:
        self.here: set[Client] = set()
        self._file = file
        self._seen: dict[str, list[float]] = {}
        with contextlib.suppress(OSError, ValueError):
            self._seen = json.loads(file.read_text())

    def say(self, document: dict[str, Any]) -> None:
        """Send a line to all clients."""
        for client in self.here:
            client.say(document)

    def supersede(self, client: Client) -> None:
        """End the earlier connections of a client that is back: the network may have lost them."""
        for other in list(self.here):
            if other is not client and other.name == client.name != "":
                other.close()

    def wake(self) -> None:
        """Send new entries to all clients."""
        for client in self.here:
            client.more.set()

    def gone(self, client: Client) -> None:
        """Remove a client and store its last entry."""
        self.had_by_all()
        self.here.discard(client)
        # If this fails, the older file keeps more entries than needed.
        with contextlib.suppress(OSError):
            replace(self._file, json.dumps(self._seen))

    def had_by_all(self) -> int:
        """Return the last entry that all clients have; those absent for a week are ignored."""
        now = time.time()
        here = [(client.name, client.had) for client in self.here if client.had is not None]
        self._seen.update({name: [had, now] for name, had in here if name})
        away = [int(had) for had, seen in self._seen.values() if now - seen < REMEMBER_SECONDS]
        return min([had for _, had in here] + away, default=0)
