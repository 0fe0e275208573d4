"""Assigns messages to their requests and detects when a request is complete."""

from __future__ import annotations

from collections.abc import Callable

from dl_magics.errors import DLMagicsError, KernelDied, OutputLost, WrongState
from dl_magics.gpu_kernel import journal_entry
from dl_magics.gpu_kernel.journal_entry import JournalEntry
from dl_magics.gpu_kernel.requests.pending_request import Message, PendingRequest

_RESTART = "%gpu_restart starts a new kernel; cells are not run again automatically."
_CONNECT = "%gpu_connect, then run the cell again."


class PendingRequests:
    """The requests that are not complete, and those whose late messages are wanted.

    `interrupt` is called with the id of a request that is to be interrupted: it has started, or
    asks for input that no cell can answer any more.
    """

    def __init__(self, interrupt: Callable[[str], object] = lambda _: None) -> None:
        self._interrupt = interrupt
        self._open: dict[str, PendingRequest] = {}
        self._accepted: dict[str, int] = {}
        self._started: set[str] = set()
        self._unwanted: set[str] = set()
        self._half: set[str] = set()
        self._unreplied: set[str] = set()
        self._asked_after: dict[str, set[str]] = {}
        self._ended: dict[str, tuple[PendingRequest, int]] = {}
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

    def keep(self, answer: PendingRequest, *, since: int = 0) -> None:
        """Go on to collect the messages of an ended request that come after entry `since`."""
        if answer.late:
            self._ended[answer.id] = answer, since

    def lacks_reply(self, id_: str) -> bool:
        """Whether a request has become idle without a reply so far."""
        return id_ in self._unreplied

    def interrupt(self, id_: str) -> None:
        """Interrupt a request if it runs; one of ours that has not started, as soon as it does."""
        if id_ in self._open and id_ not in self._started:
            self._unwanted.add(id_)
        else:
            self._interrupt(id_)

    def take(self, entry: JournalEntry) -> None:
        """Assign an entry to its request."""
        if entry.channel == "shell":
            self._end_unreplied(entry)
        if entry.channel == "in":
            self._accept(entry)
        elif entry.event == "kernel_adopted":
            for id_ in self._accepted:
                self._open[id_].put(_gap(entry))
        elif entry.channel == "agent":
            self._befall(entry)
        elif answer := self._open.get(entry.answers):
            self._start(entry, answer)
            answer.put({**entry.message, "channel": entry.channel})
            self._complete(entry, answer)
        elif entry.channel == "iopub" and entry.answers in self._ended:
            answer, since = self._ended[entry.answers]
            if entry.n > since:
                answer.put({**entry.message, "channel": entry.channel})

    def fail(self, error: DLMagicsError) -> None:
        """End all requests with an error."""
        for id_ in list(self._open):
            self._end(id_, error)

    def _accept(self, entry: JournalEntry) -> None:
        if self._unreplied:
            self._asked_after[entry.id] = set(self._unreplied)
        if entry.id in self._open:
            self._accepted[entry.id] = entry.n
            if self._dead:
                why = f"The cell was not run: the GPU kernel has stopped: {self._dead}."
                self._end(entry.id, KernelDied(why, fix=_RESTART))

    def _start(self, entry: JournalEntry, answer: PendingRequest) -> None:
        """Interrupt a request that was unwanted before it started, or that cannot be answered."""
        self._started.add(answer.id)
        if answer.id in self._unwanted or (answer.over and entry.kind == "input_request"):
            self._unwanted.discard(answer.id)
            self._interrupt(answer.id)

    def _befall(self, entry: JournalEntry) -> None:
        match entry.event:
            case "kernel_died":
                self._dead = entry.message["why"]
                if "stopped" in entry.message:
                    fix = entry.message.get("fix", _RESTART)
                    self._fail_accepted(_died(self._dead, fix=fix))
                    self.fail(not_running(entry.message["stopped"], fix))
                else:
                    self._fail_accepted(_died(self._dead))
            case "kernel_started":
                self._dead = ""
                self._fail_accepted(_died("it was restarted"))
            case "shutdown":
                self.fail(_died("it was shut down"))
            case "settled":
                self._settle(entry.message["before"])
            case journal_entry.SKIPPED:
                self._skip(**entry.message)

    def _settle(self, before: int) -> None:
        """End the requests that finished while no agent was running."""
        for id_, accepted in list(self._accepted.items()):
            if accepted < before:
                self._end(id_, None if id_ in self._half else _lost())

    def _skip(self, *, after: int, to: int, busy: str | None, **_event: str) -> None:
        """End the requests that do not run and whose end the journal does not have (any more)."""
        for id_ in list(self._accepted):
            if may_be(busy, id_):
                continue
            if to < after:  # the journal is behind this client: no kernel outlives that
                self._end(id_, _died("its host was restarted or replaced", fix=_CONNECT))
            else:
                self._end(id_, None if id_ in self._half else _dropped())

    def _complete(self, entry: JournalEntry, answer: PendingRequest) -> None:
        idle = entry.kind == "status" and entry.message["content"]["execution_state"] == "idle"
        if not (idle or entry.channel in ("shell", "control")):
            return
        if answer.id in self._half:
            self._end(answer.id, None)
            return
        self._half.add(answer.id)
        if idle:
            self._unreplied.add(answer.id)

    def _end_unreplied(self, entry: JournalEntry) -> None:
        """End the requests whose reply would have come before that to a later request.

        ipykernel sends none if an interrupt arrives before the code of a cell has started.
        """
        for id_ in self._asked_after.pop(entry.answers, set()) & self._unreplied:
            self._open[id_].put(_interrupted(entry))
            self._end(id_, None)

    def _fail_accepted(self, error: DLMagicsError) -> None:
        for id_ in list(self._accepted):
            self._end(id_, error)

    def _end(self, id_: str, error: DLMagicsError | None) -> None:
        answer = self._open.pop(id_)
        self.keep(answer)
        answer.put(error)
        self._accepted.pop(id_, None)
        for marked in (self._half, self._started, self._unwanted, self._unreplied):
            marked.discard(id_)


def _gap(entry: JournalEntry) -> Message:
    """Return a stderr message which states that output may be missing."""
    text = "(The agent of this kernel was down for a moment: what it printed then is lost.)\n"
    return _message(entry, "iopub", "stream", {"name": "stderr", "text": text})


def _interrupted(entry: JournalEntry) -> Message:
    """Return the reply to a cell that was interrupted before its code started."""
    text = "The cell was interrupted before its code started."
    error = {"status": "error", "ename": "KeyboardInterrupt", "evalue": text, "traceback": []}
    return _message(entry, "shell", "execute_reply", error)


def _message(entry: JournalEntry, channel: str, kind: str, content: Message) -> Message:
    header = {"msg_id": f"entry-{entry.n}", "msg_type": kind, "session": "", "version": "5.3"}
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": channel,
    }


def may_be(busy: str | None, id_: str) -> bool:
    """Whether a kernel may run a request: "" is what an agent says that has adopted the kernel."""
    return busy in (id_, "")


def unknown() -> OutputLost:
    """Return the error of a request that the journal does not have."""
    return OutputLost(
        "The GPU kernel has no record of this cell: its host was replaced, or its journal was "
        "deleted.",
        fix="Its output is lost: run the cell again.",
    )


def not_running(why: str, fix: str) -> WrongState:
    """Return the error of a request that was not sent because its instance does not run."""
    return WrongState(f"The cell was not run. {why}", fix=fix)


def _died(why: str, fix: str = _RESTART) -> KernelDied:
    return KernelDied(f"The GPU kernel stopped before the cell finished: {why}.", fix=fix)


def _dropped() -> OutputLost:
    return OutputLost(
        "The cell has ended, and its output is not in the journal of the GPU kernel any more.",
        fix="The kernel is alive and its variables are kept: inspect them, then continue.",
    )


def _lost() -> OutputLost:
    return OutputLost(
        "The cell finished while the agent on the host was down; its output is lost.",
        fix="The kernel is alive and its variables are kept: inspect them, then continue.",
    )
