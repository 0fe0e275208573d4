"""The durable link to an agent: each entry of its journal once, in order, however often it breaks.

Unconfirmed requests are sent again; a gap or an unreadable line causes a reconnect.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from dl_magics.errors import DLMagicsError, HostKeyRefused, NoAnswer, WrongState
from dl_magics.gpu_kernel.agent_transport import AgentGone, AgentTransport
from dl_magics.gpu_kernel.journal_entry import JournalEntry, encode_buffers
from dl_magics.gpu_kernel.link.heartbeat import Heartbeat
from dl_magics.gpu_kernel.link.receiver import Receiver
from dl_magics.gpu_kernel.link.status import AgentStatus, LinkState, LinkStatus
from dl_magics.gpu_kernel.link.stream import AgentStream, encode_line
from dl_magics.ssh.retry import pauses
from dl_magics.ssh.target import SshTarget

if TYPE_CHECKING:
    import asyncssh

_CHUNK = 1 << 18


class AgentConnection:
    """A link to an agent that reconnects until it is closed. Created by `open`."""

    def __init__(self, transport: AgentTransport, since: int, name: str) -> None:
        self._transport = transport
        self._name = name
        self._received = Receiver(since)
        self._entries: asyncio.Queue[JournalEntry | BaseException | None] = asyncio.Queue()
        self._unconfirmed: dict[str, bytes] = {}
        self._writer: asyncssh.SSHWriter[bytes] | None = None
        self._attached = asyncio.Event()
        self._retry = asyncio.Event()
        self._running: asyncio.Task[None]

    @classmethod
    async def open(
        cls,
        find: Callable[[], SshTarget],
        run_dir: str,
        python: str,
        since: int = 0,
        *,
        name: str = "",
    ) -> AgentConnection:
        """Open a link to the agent of `run_dir`; it connects in the background.

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
        link = cls(AgentTransport(find, run_dir, python), since, name)
        link._running = asyncio.create_task(link._run())
        link._running.add_done_callback(link._end_entries)
        return link

    @property
    def status(self) -> LinkStatus:
        """The present state; any thread may read it."""
        return self._received.status

    async def entries(self) -> AsyncIterator[JournalEntry]:
        """Yield entries as they come, until the link is closed."""
        while (entry := await self._entries.get()) is not None:
            if isinstance(entry, BaseException):
                raise entry
            yield entry

    async def wait_attached(self) -> AgentStatus:
        """Wait until the agent has sent its welcome; return its status."""
        waiting = asyncio.ensure_future(self._attached.wait())
        await asyncio.wait({waiting, self._running}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._running.done():
            self._running.result()
        return self.status.agent

    def send(self, channel: str, message: dict[str, Any]) -> None:
        """Send a message to the kernel, exactly once, as soon as the link is up."""
        document = {"op": "send", "ch": channel, "m": encode_buffers(message)}
        self._send_until_confirmed(message["header"]["msg_id"], document)

    def request(self, kind: str, **facts: str) -> str:
        """Have the agent interrupt, restart or shut down the kernel once; return the request id.

        An interrupt `of` a request has no effect on others.
        """
        id_ = uuid.uuid4().hex
        self._send_until_confirmed(id_, {"op": kind, "id": id_, **facts})
        return id_

    def is_unconfirmed(self, id_: str) -> bool:
        """Whether a request is not in the journal yet, as far as this link knows."""
        return id_ in self._unconfirmed

    def reconnect(self) -> None:
        """Connect now: an instance that was stopped runs again."""
        self._received.publish(state="lost", why="it is being opened again")
        self._retry.set()

    async def close(self) -> None:
        """Close the link; the agent and the kernel keep running."""
        self._running.cancel()
        await asyncio.wait({self._running})

    def _end_entries(self, running: asyncio.Task[None]) -> None:
        self._entries.put_nowait(None if running.cancelled() else running.exception())

    async def _run(self) -> None:
        pausing = pauses()
        while True:
            try:
                await self._hold_session()
            except HostKeyRefused as error:
                self._detach("lost", error)
                raise
            except WrongState as error:
                self._detach("stopped", error, fix=error.fix)
            except AgentGone as error:
                self._detach("gone", error)
            except _breaks() as error:
                self._detach("lost", error)
            if self._received.is_complete:
                self._detach("gone", "it was shut down")
                return
            if self._attached.is_set() or self._retry.is_set():
                self._attached.clear()
                pausing = pauses()
            self._retry.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._retry.wait(), next(pausing))

    async def _hold_session(self) -> None:
        """Open one session and read it until it fails; every end is an exception."""
        remote, reader, writer = await self._transport.open()
        unsent = writer.channel.get_write_buffer_size
        heartbeat = Heartbeat(remote, unsent, self._ping, self._note_life)
        working = [
            asyncio.ensure_future(heartbeat.run()),
            asyncio.ensure_future(self._read(reader, heartbeat)),
        ]
        try:
            writer.write(encode_line(self._received.hello(self._name)))
            for line in self._unconfirmed.values():
                writer.write(line)
            self._writer = writer
            ended, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            ended.pop().result()
        finally:
            self._writer = None
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            writer.close()

    async def _read(self, reader: asyncssh.SSHReader[bytes], heartbeat: Heartbeat) -> None:
        stream = AgentStream()
        while data := await reader.read(_CHUNK):
            heartbeat.agent_replied()
            for received in stream.feed(data):
                for entry in self._received.take(received):
                    self._unconfirmed.pop(entry.id, None)
                    self._entries.put_nowait(entry)
                if self.status.state == "attached":
                    self._attached.set()
        raise NoAnswer("The agent closed the link.", fix="The link is reopened automatically.")

    def _ping(self) -> None:
        with contextlib.suppress(OSError):
            if self._writer:
                self._writer.write(encode_line({"op": "ping", "had": self.status.n}))

    def _note_life(self) -> None:
        self._received.publish(alive_at=time.time())

    def _send_until_confirmed(self, id_: str, document: dict[str, Any]) -> None:
        self._unconfirmed[id_] = encode_line(document)
        # If the link is breaking, the request is sent again over the next one.
        with contextlib.suppress(OSError):
            if self._writer:
                self._writer.write(self._unconfirmed[id_])

    def _detach(self, state: LinkState, why: object, fix: str = "") -> None:
        if state == "stopped" != self.status.state:
            # No agent is running that could report it. What it has not received is not sent later.
            self._unconfirmed.clear()
            died = {"why": str(why).rstrip("."), "stopped": str(why), "fix": fix}
            message = {"event": "kernel_died", **died}
            self._entries.put_nowait(JournalEntry(self.status.n, time.time(), "agent", message))
        self._received.publish(state=state, why=str(why), fix=fix)


def _breaks() -> tuple[type[Exception], ...]:
    """Return the errors that cause a reconnect; they include unreadable lines."""
    import asyncssh

    return (DLMagicsError, OSError, asyncssh.Error, EOFError, ValueError, KeyError)
