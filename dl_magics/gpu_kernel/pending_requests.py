"""Assigns messages to their requests and detects when a request is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from dl_magics.errors import DLMagicsError, KernelDied, NoAnswer, OutputLost
from dl_magics.gpu_kernel.journal_entry import JournalEntry

Message = dict[str, Any]
# On Windows, Ctrl-C is noticed only between two waits.
_LOOK_SECONDS = 0.2


class PendingRequest(Iterator[Message]):
    """The messages of one request, in order, until both its reply and `idle` were received.

    Ctrl-C during a wait raises KeyboardInterrupt; the iteration can be continued afterwards.
    """

    def __init__(
        self, id_: str, seconds: float | None = None, waiting: Callable[[], object] = lambda: None
    ) -> None:
        self.id = id_
        self._waiting = waiting
        self._until = monotonic() + seconds if seconds else None
        self._messages: SimpleQueue[Message | DLMagicsError | None] = SimpleQueue()
        self._came: list[Message | DLMagicsError | None] = []
        self._over = False

    def __next__(self) -> Message:
        if self._over:
            raise StopIteration
        message = self._wait()
        if isinstance(message, dict):
            return message
        self._over = True
        raise message or StopIteration

    def put(self, message: Message | DLMagicsError | None) -> None:
        """Add a message; None or an error marks the end."""
        self._messages.put(message)

    def _wait(self) -> Message | DLMagicsError | None:
        while not self._came:
            try:
                self._came.append(self._messages.get(timeout=_LOOK_SECONDS))
            except Empty:
                if self._until and monotonic() > self._until:
                    return NoAnswer(
                        "The GPU kernel did not reply before the timeout.",
                        fix="%gpu_status shows the state of the kernel's host.",
                    )
            # Ctrl-C during this call must not lose a received message.
            self._waiting()
        return self._came.pop()


class PendingRequests:
    """The requests that are not complete."""

    def __init__(self) -> None:
        self._open: dict[str, PendingRequest] = {}
        self._accepted: dict[str, int] = {}
        self._half: set[str] = set()
        self._dead = ""

    def expect(self, answer: PendingRequest, *, accepted_at: int | None = None) -> PendingRequest:
        """Start to collect the messages of a request."""
        self._open[answer.id] = answer
        if accepted_at is not None:
            self._accepted[answer.id] = accepted_at
        return answer

    def waits_for(self, id_: str) -> bool:
        """Whether the request is not complete."""
        return id_ in self._open

    def take(self, entry: JournalEntry) -> None:
        """Assign an entry to its request."""
        if entry.channel == "in":
            self._accept(entry)
        elif entry.event == "kernel_adopted":
            for id_ in self._accepted:
                self._open[id_].put(_gap(entry))
        elif entry.channel == "agent":
            self._befall(entry)
        elif answer := self._open.get(entry.answers):
            answer.put({**entry.message, "channel": entry.channel})
            self._complete(entry, answer)

    def fail(self, error: DLMagicsError) -> None:
        """End all requests with an error."""
        for id_ in list(self._open):
            self._end(id_, error)

    def _accept(self, entry: JournalEntry) -> None:
        if entry.id in self._open:
            self._accepted[entry.id] = entry.n
            if self._dead:
                self._end(entry.id, _died(self._dead))

    def _befall(self, entry: JournalEntry) -> None:
        match entry.event:
            case "kernel_died":
                self._dead = entry.message["why"]
                self._fail_accepted(_died(self._dead))
            case "kernel_started":
                self._dead = ""
                self._fail_accepted(_died("it was restarted"))
            case "shutdown":
                self.fail(_died("it was shut down"))
            case "settled":
                self._settle(entry.message["before"])

    def _settle(self, before: int) -> None:
        """End the requests that finished while no agent was running."""
        for id_, accepted in list(self._accepted.items()):
            if accepted < before:
                self._end(id_, None if id_ in self._half else _lost())

    def _complete(self, entry: JournalEntry, answer: PendingRequest) -> None:
        idle = entry.kind == "status" and entry.message["content"]["execution_state"] == "idle"
        if not (idle or entry.channel in ("shell", "control")):
            return
        if answer.id in self._half:
            self._end(answer.id, None)
        self._half.add(answer.id)

    def _fail_accepted(self, error: DLMagicsError) -> None:
        for id_ in list(self._accepted):
            self._end(id_, error)

    def _end(self, id_: str, error: DLMagicsError | None) -> None:
        self._open.pop(id_).put(error)
        self._accepted.pop(id_, None)
        self._half.discard(id_)


def _gap(entry: JournalEntry) -> Message:
    """Return a stderr message which states that output may be missing."""
    text = "(The agent of this kernel was down for a moment: what it printed then is lost.)\n"
    header = {"msg_id": f"gap-{entry.n}", "msg_type": "stream", "session": "", "version": "5.3"}
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": {"name": "stderr", "text": text},
        "channel": "iopub",
    }


def _died(why: str) -> KernelDied:
    return KernelDied(
        f"The GPU kernel stopped before the cell finished: {why}.",
        fix="%gpu_restart starts a new kernel; cells are not run again automatically.",
    )


def _lost() -> OutputLost:
    return OutputLost(
        "The cell finished while the agent on the host was down; its output is lost.",
        fix="The kernel is alive and its variables are kept: inspect them, then continue.",
    )
