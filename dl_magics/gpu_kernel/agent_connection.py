"""The durable link to an agent: each entry of its journal once, in order, however often it breaks.

Unconfirmed requests are sent again; a gap or an unreadable line causes a reconnect.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Literal

from dl_magics.errors import DLMagicsError, HostKeyRefused, NoAnswer, WrongState
from dl_magics.gpu_kernel import json_lines
from dl_magics.gpu_kernel.agent_transport import AgentGone, AgentTransport
from dl_magics.gpu_kernel.journal_entry import JournalEntry, encode_buffers
from dl_magics.ssh import connection
from dl_magics.ssh.target import SshTarget

if TYPE_CHECKING:
    import asyncssh

State = Literal["attached", "lost", "gone", "stopped"]
PING_SECONDS = 2.0
DEAD_SECONDS = 6.0
_LOOK_SECONDS = 0.25
_FIRST_WAIT = 0.3
_LONGER = 1.6
_LONGEST_WAIT = 10.0
# A pause is at most this fraction of the time for which the link has been lost.
_PATIENCE = 20
_STATES = {"kernel_started": "starting", "kernel_ready": "idle", "kernel_died": "dead"}


class AgentConnection:
    """A link to the agent of `run_dir` that reconnects until it is closed.

    Parameters
    ----------
    find
        Returns the current SSH target; called again when the instance does not respond.
    run_dir
        The agent's folder on the instance, absolute.
    python
        The interpreter on the host that runs the agent.
    since
        The number of the last entry received; 0 to receive the whole journal.
    name
        Identifies this client to the agent, which keeps the entries it has not received yet.
    """

    def __init__(
        self,
        find: Callable[[], SshTarget],
        run_dir: str,
        python: str,
        since: int = 0,
        *,
        name: str = "",
    ) -> None:
        self.n = since
        self.state: State = "lost"
        self.why = "it was not connected yet"
        self.status: dict[str, Any] = {}
        self._way = AgentTransport(find, run_dir, python)
        self._name = name
        self._boot = ""
        self._entries: asyncio.Queue[JournalEntry | BaseException | None] = asyncio.Queue()
        self._unconfirmed: dict[str, bytes] = {}
        self._writer: asyncssh.SSHWriter[bytes] | None = None
        self.heard = 0.0
        self._poked = asyncio.Event()
        self._attached = asyncio.Event()
        self._last_event = ""
        self._running = asyncio.ensure_future(self._run())
        self._running.add_done_callback(self._over)

    async def entries(self) -> AsyncIterator[JournalEntry]:
        """Yield entries as they come, until the link is closed."""
        while (entry := await self._entries.get()) is not None:
            if isinstance(entry, BaseException):
                raise entry
            yield entry

    async def attached(self) -> dict[str, Any]:
        """Wait until the agent has sent its welcome; return its status."""
        waiting = asyncio.ensure_future(self._attached.wait())
        await asyncio.wait({waiting, self._running}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._running.done():
            self._running.result()
        return self.status

    def send(self, channel: str, message: dict[str, Any]) -> None:
        """Send a request to the kernel, exactly once, as soon as the link is up."""
        document = {"op": "send", "ch": channel, "m": encode_buffers(message)}
        self._tell(message["header"]["msg_id"], document)

    def wish(self, kind: str, **facts: str) -> str:
        """Have the agent interrupt, restart or shut down the kernel once; return the request id.

        An interrupt `of` a request has no effect on others.
        """
        id_ = uuid.uuid4().hex
        self._tell(id_, {"op": kind, "id": id_, **facts})
        return id_

    def poke(self) -> None:
        """Reconnect immediately if the link is lost."""
        if self.state != "attached" or time.time() - self.heard > PING_SECONDS * 2:
            self._poked.set()

    async def close(self) -> None:
        """Close the link; the agent and the kernel keep running."""
        self._running.cancel()
        await asyncio.wait({self._running})

    def _over(self, running: asyncio.Task[None]) -> None:
        self._entries.put_nowait(None if running.cancelled() else running.exception())

    async def _run(self) -> None:
        wait, lost_at = _FIRST_WAIT, time.time()
        while True:
            self._poked.clear()
            try:
                await self._session()
            except HostKeyRefused as error:
                self._is("lost", error)
                raise
            except WrongState as error:
                self._is("stopped", error)
            except AgentGone as error:
                self._is("gone", error)
            except _breaks() as error:
                self._is("lost", error)
            if self._last_event == "shutdown" and self.n >= self.status.get("n", 0):
                self._is("gone", "it was shut down")
                return
            if self._attached.is_set():
                self._attached.clear()
                wait, lost_at = _FIRST_WAIT, time.time()
            await self._pause(wait)
            longest = max(_FIRST_WAIT, (time.time() - lost_at) / _PATIENCE)
            wait = min(wait * _LONGER, longest, _LONGEST_WAIT)

    async def _session(self) -> None:
        """Open one session and read it until it fails; every end is an exception."""
        remote, reader, writer = await self._way.open()
        watching = asyncio.ensure_future(self._watch(remote, writer))
        try:
            self.heard = time.time()
            hello = {"op": "hello", "since": self.n, "boot": self._boot, "client": self._name}
            writer.write(json_lines.encode_line(hello))
            self._writer = writer
            for line in self._unconfirmed.values():
                writer.write(line)
            async for line in json_lines.read_lines(reader):
                self.heard = time.time()
                self._take(line)
            raise NoAnswer("The agent closed the link.", fix="The link is reopened automatically.")
        finally:
            self._writer = None
            watching.cancel()
            writer.close()

    def _take(self, line: bytes) -> None:
        document = json.loads(line)
        if "n" in document and "ch" in document:
            entry = JournalEntry.read(document, line)
            if entry.n != self.n + 1:
                raise ValueError(f"entry {entry.n} came after {self.n}")
            self.n = entry.n
            self._last_event = entry.event
            self._unconfirmed.pop(entry.id, None)
            self._follow(entry)
            self._entries.put_nowait(entry)
            return
        if document["op"] == "welcome":
            if document["since"] != self.n:
                skipped = {"event": "skipped", "after": self.n, "to": document["since"]}
                self._entries.put_nowait(
                    JournalEntry(document["since"], time.time(), "agent", skipped, b"")
                )
            self.n, self._boot = document["since"], document["boot"]
            self.status = document
            self._is("attached", "")
            self._attached.set()
        elif document["op"] in ("status", "pong"):
            self.status = document

    def _follow(self, entry: JournalEntry) -> None:
        """Update the status of the kernel from an entry, between two pings."""
        if entry.kind == "status":
            self.status["state"] = entry.message["content"]["execution_state"]
        elif entry.event in _STATES:
            self.status.update(state=_STATES[entry.event], why=entry.message.get("why", ""))

    async def _watch(
        self, remote: asyncssh.SSHClientConnection, writer: asyncssh.SSHWriter[bytes]
    ) -> None:
        """Send pings; close the link after a missing reply or after the computer slept.

        The wall clock advances while a computer sleeps. Progress of a file transfer on the same
        connection counts as a reply.
        """
        asked = 0.0
        while True:
            now = time.time()
            silent = now - max(self.heard, connection.last_progress(remote))
            if self._poked.is_set() or silent > DEAD_SECONDS:
                remote.abort()
                return
            if now - asked >= PING_SECONDS:
                asked = now
                with contextlib.suppress(OSError):
                    writer.write(json_lines.encode_line({"op": "ping", "had": self.n}))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _pause(self, seconds: float) -> None:
        until = time.time() + seconds
        while time.time() < until and not self._poked.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._poked.wait(), _LOOK_SECONDS)

    def _tell(self, id_: str, document: dict[str, Any]) -> None:
        self._unconfirmed[id_] = json_lines.encode_line(document)
        # If the link is breaking, the request is sent again over the next one.
        with contextlib.suppress(OSError):
            if self._writer:
                self._writer.write(self._unconfirmed[id_])

    def _is(self, state: State, why: object) -> None:
        if state == "stopped" != self.state:
            # No agent is running that could report it.
            died = {"event": "kernel_died", "why": "the instance was stopped"}
            self._entries.put_nowait(JournalEntry(self.n, time.time(), "agent", died, b""))
        self.state, self.why = state, str(why)


def _breaks() -> tuple[type[Exception], ...]:
    """Return the errors that cause a reconnect; they include unreadable lines."""
    import asyncssh

    return (DLMagicsError, OSError, asyncssh.Error, EOFError, ValueError, KeyError)
