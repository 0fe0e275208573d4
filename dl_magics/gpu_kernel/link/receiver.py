"""What a link has received: the entries in order, the bytes of the next one, and the state."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dl_magics.gpu_kernel.journal_entry import SKIPPED, JournalEntry
from dl_magics.gpu_kernel.link import long_entries
from dl_magics.gpu_kernel.link.status import KERNEL_STATES, AgentStatus, KernelState, LinkStatus
from dl_magics.gpu_kernel.link.stream import IncompleteEntry, Piece

_STATES: dict[str, KernelState] = {
    "kernel_started": "starting",
    "kernel_ready": "idle",
    "kernel_died": "dead",
}


class Receiver:
    """Takes what the agent sends, over all sessions of a link; `status` is its state.

    Parameters
    ----------
    since
        The number of the last entry received earlier.
    """

    def __init__(self, since: int) -> None:
        self.status = LinkStatus(since)
        self._incomplete = IncompleteEntry()
        self._last_event = ""

    @property
    def is_complete(self) -> bool:
        """Whether the last entry of the journal was received: the agent was shut down."""
        return self._last_event == "shutdown" and self.status.n >= self.status.agent.n

    def publish(self, **changes: Any) -> None:
        """Replace the state as a whole."""
        self.status = replace(self.status, **changes)

    def hello(self, client: str) -> dict[str, Any]:
        """Return the first document of a session: where the agent has to continue."""
        return {
            "op": "hello",
            "since": self.status.n,
            "offset": len(self._incomplete.data),
            "boot": self.status.agent.boot,
            "client": client,
            "largest": long_entries.MAX_ENTRY_BYTES,
        }

    def take(self, received: dict[str, Any] | Piece) -> Iterator[JournalEntry]:
        """Take a document or a piece; yield the entry that it completes.

        Raises
        ------
        ValueError
            if it does not follow what was received before.
        """
        if isinstance(received, Piece):
            self._check_follows(received.n)
            if self._incomplete.add(received, long_entries.MAX_LONG_LINE_BYTES):
                yield self._take_entry(long_entries.read_line(self._incomplete.take()))
        elif "ch" in received:
            yield self._take_entry(long_entries.read_document(received))
        elif received.get("op") == "welcome":
            yield from self._take_welcome(received)
        elif received.get("op") in ("status", "pong"):
            self.publish(agent=AgentStatus.read(received))

    def _take_welcome(self, document: dict[str, Any]) -> Iterator[JournalEntry]:
        since, before = document["since"], self.status.n
        if not isinstance(since, int):
            raise ValueError(f"not a welcome: {document!r:.200}")
        if since != before or document["offset"] != len(self._incomplete.data):
            self._incomplete.take()
        self.publish(n=since, agent=AgentStatus.read(document), state="attached", why="")
        if since != before:
            busy = self.status.agent.busy
            skipped = {"event": SKIPPED, "after": before, "to": since, "busy": busy}
            yield JournalEntry(since, time.time(), "agent", skipped)

    def _take_entry(self, entry: JournalEntry) -> JournalEntry:
        self._check_follows(entry.n)
        self._last_event = entry.event
        self.publish(n=entry.n, agent=self._agent_after(entry))
        return entry

    def _check_follows(self, n: int) -> None:
        if n != self.status.n + 1:
            raise ValueError(f"entry {n} came after {self.status.n}")

    def _agent_after(self, entry: JournalEntry) -> AgentStatus:
        """Return the status after an entry: the next pong may take seconds."""
        agent = self.status.agent
        state: Any = entry.message["content"]["execution_state"] if entry.kind == "status" else ""
        if state in KERNEL_STATES:
            return replace(agent, state=state)
        if entry.event in _STATES:
            return replace(agent, state=_STATES[entry.event], why=entry.message.get("why", ""))
        return agent
