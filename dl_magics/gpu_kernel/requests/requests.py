"""What synchronous code asks of a kernel: run a cell, complete a name, answer, interrupt."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from dl_magics.errors import DLMagicsError
from dl_magics.gpu_kernel import replay
from dl_magics.gpu_kernel.agent_connection import AgentConnection
from dl_magics.gpu_kernel.journal_entry import JournalEntry, build_request
from dl_magics.gpu_kernel.requests.pending_request import Message, PendingRequest
from dl_magics.gpu_kernel.requests.pending_requests import PendingRequests, not_running
from dl_magics.gpu_kernel.requests.running_cells import (
    TITLE,
    RunningCell,
    RunningCells,
    first_line,
)
from dl_magics.ssh import blocking

Late = Callable[[Message], object]
# The reply of a cell comes before its `idle`, or at once after it.
_REPLY_SECONDS = 2.0


class WidgetMessages(Protocol):
    """Takes what belongs to widgets, in the thread of the event loop; None is the end."""

    def take(self, entry: JournalEntry | None) -> bool: ...


def build_cell_request(
    session: str,
    code: str,
    *,
    allow_stdin: bool = False,
    store_history: bool = True,
    silent: bool = False,
) -> Message:
    """Return the message that runs a cell."""
    content = {
        "code": code,
        "silent": silent,
        "store_history": store_history,
        "user_expressions": {},
        "allow_stdin": allow_stdin,
        # Each cell was sent by itself: the failure of another one says nothing about it.
        "stop_on_error": False,
    }
    return build_request(session, "execute_request", content)


class KernelRequests:
    """The requests of this process over the `link`, and which cells the kernel runs.

    Parameters
    ----------
    reading
        Opens another link, at an earlier entry.
    """

    def __init__(
        self, link: AgentConnection, reading: Callable[[int], Awaitable[AgentConnection]]
    ) -> None:
        self.link = link
        self.waiting: Callable[[], object] = lambda: None  # called while a reply is pending
        self.widgets: WidgetMessages | None = None
        self._reading = reading
        self._answers = PendingRequests(lambda id_: self.link.request("interrupt", of=id_))
        self._running = RunningCells()
        self._taken = link.status.n
        self.session = uuid.uuid4().hex
        self._asked_for_input: Message = {}
        self.failure: DLMagicsError | None = None  # ended the link, and all requests with it

    @property
    def unfinished_cells(self) -> tuple[RunningCell, ...]:
        """The cells of all clients that have not ended; the kernel runs the first one."""
        return self._running.cells

    def execute(
        self,
        code: str,
        *,
        allow_stdin: bool = False,
        store_history: bool = True,
        silent: bool = False,
        title: str = "",
        late: Late | None = None,
    ) -> PendingRequest:
        """Run code in the kernel; iterate over the result to receive its messages.

        Cells that are queued behind it also run if it fails. `title` names it to the user, by
        default its first line. `late` is called with the output that comes after the end of the
        iteration, in the thread of the event loop.
        """
        message = build_cell_request(
            self.session,
            code,
            allow_stdin=allow_stdin,
            store_history=store_history,
            silent=silent,
        )
        message["metadata"] = {TITLE: title} if title else {}
        cell = RunningCell(message["header"]["msg_id"], title or first_line(code))
        answer = self._new_request(cell.id, late=late)

        def ask() -> None:
            self._ask(answer, "shell", message)
            self._running.send(cell)

        blocking.call_in_loop(ask)
        return answer

    @contextmanager
    def interrupt_at_exit(self, request: PendingRequest) -> Iterator[None]:
        """Interrupt a request that has not ended when the block does, whatever ends the block.

        What still comes of it goes to its `late`. A request that has not started is interrupted
        when it does.
        """
        try:
            yield
        finally:
            if not request.over:
                request.leave()
                self.interrupt(request)

    def resume(self, msg_id: str, since: int, late: Late | None = None) -> Iterator[Message]:
        """Yield the messages of an older request that came after entry `since`.

        `since` is the number of the last entry received; 0 means from the beginning. After the end
        of the request come those that the journal has of it by now; `late` gets the later ones.
        """
        answer, after = self._new_request(msg_id), self._new_request(msg_id, late=late)
        entries = replay.read_journal(self._reading, since, follow=True)
        feeding = blocking.start_task(
            replay.feed_request(
                entries, answer, after, self._hand_over, since, partial(self._may_come, msg_id)
            )
        )
        try:
            yield from answer
            yield from after
        finally:
            feeding.cancel()

    def read_journal(self, since: int = 0) -> Iterator[JournalEntry]:
        """Yield the entries that the journal has now, after entry `since`."""
        return blocking.iterate_over(replay.read_journal(self._reading, since))

    def request(
        self, channel: str, msg_type: str, content: Message, seconds: float | None = None
    ) -> Message:
        """Send a request, such as a completion or an inspection; return its reply."""
        message = build_request(self.session, msg_type, content)
        answer = self._new_request(message["header"]["msg_id"], seconds)

        blocking.call_in_loop(self._ask, answer, channel, message)
        (reply,) = [message for message in answer if message["channel"] == channel]
        return reply

    def input_reply(self, text: str) -> None:
        """Answer the last `input_request`."""
        message = build_request(self.session, "input_reply", {"value": text})
        self.send("stdin", {**message, "parent_header": self._asked_for_input.get("header", {})})

    def send(self, channel: str, message: Message) -> None:
        """Send any Jupyter message to the kernel, exactly once."""
        blocking.call_in_loop(self.link.send, channel, message)

    def interrupt(self, cell: PendingRequest | RunningCell | None = None) -> None:
        """Interrupt the kernel; while the link is lost, as soon as it is back.

        With a cell, only if that one runs then; one of ours that has not started is interrupted as
        soon as it does.
        """

        async def interrupt() -> None:
            if cell:
                self._answers.interrupt(cell.id)
            else:
                self.link.request("interrupt")

        # Another Ctrl-C must not cancel this.
        blocking.start_task(interrupt())

    def take(self, entry: JournalEntry) -> None:
        """Assign an entry of the link to its request."""
        if entry.kind == "input_request":
            self._asked_for_input = entry.message
        self._running.take(entry)
        if not (self.widgets and self.widgets.take(entry)):
            self._answers.take(entry)
        if self._answers.lacks_reply(entry.answers):
            asyncio.get_running_loop().call_later(_REPLY_SECONDS, self._probe, entry.answers)
        self._taken = entry.n

    def fail(self, error: DLMagicsError) -> None:
        """End all requests with an error, also those that are made later."""
        self.failure = error
        self._running = RunningCells()
        self._answers.fail(error)

    def _new_request(
        self,
        id_: str,
        seconds: float | None = None,
        late: Late | None = None,
    ) -> PendingRequest:
        return PendingRequest(id_, seconds, lambda: self.waiting(), late)

    def _ask(self, answer: PendingRequest, channel: str, message: Message) -> None:
        if self.failure:
            raise self.failure
        if self.link.status.state == "stopped":
            raise not_running(self.link.status.why, self.link.status.fix)
        self._answers.expect(answer)
        self.link.send(channel, message)

    def _probe(self, id_: str) -> None:
        """Send a request whose reply shows that the one to `id_` does not come any more."""
        if self._answers.lacks_reply(id_):
            self.link.send("shell", build_request(self.session, "kernel_info_request", {}))

    def _may_come(self, id_: str, n: int) -> bool:
        """Whether a request may be recorded after entry `n`: it is sent, or the link is ahead."""
        return self.link.is_unconfirmed(id_) or n < self.link.status.n

    def _hand_over(self, after: PendingRequest, n: int) -> bool:
        """Take over a request that was read up to entry `n`, if the link is not ahead of that."""
        if n < self._taken:
            return False
        self._answers.keep(after, since=n)
        return True
