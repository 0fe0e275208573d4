"""The durable link to an agent: each entry of its journal once, in order, however often it breaks.

It says after which entry it goes on, sends again what was not confirmed, and takes a gap or a
line that it cannot read for a broken link.
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
from dl_magics.remote import connection, parcel
from dl_magics.remote.entry import Entry, travelling
from dl_magics.remote.login import Login
from dl_magics.remote.mirror import Mirror

if TYPE_CHECKING:
    import asyncssh

State = Literal["attached", "lost", "gone", "stopped"]
PING_SECONDS = 2.0
DEAD_SECONDS = 6.0
_LOOK_SECONDS = 0.25
_FIND_SECONDS = 1.0
_OPEN_SECONDS = 10.0
_ADOPT_SECONDS = 40.0
_FIRST_WAIT = 0.3
_LONGER = 1.6
_LONGEST_WAIT = 10.0
_CHUNK = 1 << 18


class AgentGone(Exception):
    """The instance answers, but there is no agent, and none can be started."""


class Link:
    """Attached to the agent of `run_dir` as long as it is open.

    Parameters
    ----------
    find
        Tells how to get in; asked again when the instance does not answer where it was.
    run_dir
        The agent's folder on the instance, absolute.
    python
        The interpreter there that runs the agent.
    since
        The last entry that was had.
    mirror
        Where to keep what came; says `since` itself.
    """

    def __init__(
        self,
        find: Callable[[], Login],
        run_dir: str,
        python: str,
        since: int = 0,
        *,
        mirror: Mirror | None = None,
        name: str = "",
    ) -> None:
        self.n = mirror.n if mirror else since
        self.state: State = "lost"
        self.why = "it was not connected yet"
        self.status: dict[str, Any] = {}
        self._find = find
        self._run_dir = run_dir
        self._python = python
        self._mirror = mirror
        self._name = mirror.name if mirror else name
        self._boot = mirror.boot if mirror else ""
        self._login: Login | None = None
        self._finding: asyncio.Task[Login] | None = None
        self._stdio = False
        self._entries: asyncio.Queue[Entry | BaseException | None] = asyncio.Queue()
        self._unconfirmed: dict[str, bytes] = {}
        self._writer: asyncssh.SSHWriter[bytes] | None = None
        self._heard = 0.0
        self._poked = asyncio.Event()
        self._attached = asyncio.Event()
        self._running = asyncio.ensure_future(self._run())

    async def entries(self) -> AsyncIterator[Entry]:
        """Yield entries as they come, until the link is closed."""
        while (entry := await self._entries.get()) is not None:
            if isinstance(entry, BaseException):
                raise entry
            yield entry

    async def attached(self) -> dict[str, Any]:
        """Wait until the agent welcomed us; return how it is."""
        waiting = asyncio.ensure_future(self._attached.wait())
        await asyncio.wait({waiting, self._running}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._running.done():
            self._running.result()
        return self.status

    def send(self, channel: str, message: dict[str, Any]) -> None:
        """Let the kernel have a request, once, as soon as the link allows."""
        document = {"op": "send", "ch": channel, "m": travelling(message)}
        self._tell(message["header"]["msg_id"], document)

    def wish(self, kind: str) -> str:
        """Let the agent interrupt, restart or shutdown the kernel, once; return the wish's id."""
        id_ = uuid.uuid4().hex
        self._tell(id_, {"op": kind, "id": id_})
        return id_

    def poke(self) -> None:
        """Where it is lost, try again at once."""
        if self.state != "attached" or time.time() - self._heard > PING_SECONDS * 2:
            self._poked.set()

    async def close(self) -> None:
        """Go away; the agent and the kernel live on."""
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError, DLMagicsError):
            await self._running
        if self._finding:
            self._finding.cancel()
        self._entries.put_nowait(None)

    async def _run(self) -> None:
        wait = _FIRST_WAIT
        while True:
            self._poked.clear()
            try:
                await self._session()
            except HostKeyRefused as error:
                self._entries.put_nowait(error)
                raise
            except WrongState as error:
                self._login = None
                self._is("stopped", error)
            except AgentGone as error:
                self._is("gone", error)
            except _breaks() as error:
                self._is("lost", error)
            if self._attached.is_set():
                self._attached.clear()
                wait = _FIRST_WAIT
            await self._pause(wait)
            wait = min(wait * _LONGER, _LONGEST_WAIT)

    async def _session(self) -> None:
        """Be attached, until that ends by an error."""
        there = await self._reach()
        async with asyncio.timeout(_OPEN_SECONDS + _ADOPT_SECONDS):
            reader, writer = await self._open(there)
        watching = asyncio.ensure_future(self._watch(there, writer))
        try:
            self._heard = time.time()
            hello = {"op": "hello", "since": self.n, "boot": self._boot, "client": self._name}
            writer.write(_line(hello))
            self._writer = writer
            for line in self._unconfirmed.values():
                writer.write(line)
            async for line in _lines(reader):
                self._heard = time.time()
                self._take(line)
            raise NoAnswer("The agent closed the link.", fix="It is tried again.")
        finally:
            self._writer = None
            watching.cancel()
            writer.close()

    def _take(self, line: bytes) -> None:
        document = json.loads(line)
        if "n" in document and "ch" in document:
            entry = Entry.read(document, line)
            if entry.n != self.n + 1:
                raise ValueError(f"entry {entry.n} came after {self.n}")
            if self._mirror:
                self._mirror.append(entry)
            self.n = entry.n
            self._unconfirmed.pop(entry.id, None)
            self._entries.put_nowait(entry)
            return
        if document["op"] == "welcome":
            if document["since"] != self.n:
                skipped = {"event": "skipped", "after": self.n, "to": document["since"]}
                self._entries.put_nowait(
                    Entry(document["since"], time.time(), "agent", skipped, b"")
                )
            self.n, self._boot = document["since"], document["boot"]
            if self._mirror:
                self._mirror.goes_on(self.n, self._boot)
            self.status = document
            self._is("attached", "")
            self._attached.set()
        elif document["op"] in ("status", "pong"):
            self.status = document

    async def _watch(
        self, there: asyncssh.SSHClientConnection, writer: asyncssh.SSHWriter[bytes]
    ) -> None:
        """Ask now and then; no answer, or waking up from sleep, means that the link is dead.

        The wall clock goes on while a computer sleeps.
        """
        asked = 0.0
        while True:
            now = time.time()
            if self._poked.is_set() or now - self._heard > DEAD_SECONDS:
                there.abort()
                return
            if now - asked >= PING_SECONDS:
                asked = now
                writer.write(_line({"op": "ping", "had": self.n}))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _reach(self) -> asyncssh.SSHClientConnection:
        """Connect to where it was; where it does not answer there, to where it is now."""
        if self._login is None:
            self._login = await asyncio.to_thread(self._find)
        try:
            return await connection.connected(self._login)
        except (NoAnswer, HostKeyRefused):
            now = await self._found()
            if now in (None, self._login):
                raise
            self._login = now
            return await connection.connected(now)

    async def _found(self) -> Login | None:
        """Ask where it is now; without a network that may take long, so it goes on behind."""
        self._finding = self._finding or asyncio.ensure_future(asyncio.to_thread(self._find))
        await asyncio.wait({self._finding}, timeout=_FIND_SECONDS)
        if not self._finding.done():
            return None
        found, self._finding = self._finding, None
        return found.result()

    async def _open(
        self, there: asyncssh.SSHClientConnection
    ) -> tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]]:
        """Open the agent's socket; where there is no agent, one adopts the kernel."""
        import asyncssh

        if not self._stdio:
            try:
                return await there.open_unix_connection(f"{self._run_dir}/agent.sock")
            except asyncssh.ChannelOpenError as error:
                self._stdio = error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED
        status = await ask(there, parcel.command(self._run_dir, self._python, "adopt"))
        if status["state"] == "gone":
            raise AgentGone(status.get("why") or "the agent could not be started")
        if self._stdio:
            command = parcel.command(self._run_dir, self._python, "attach")
            process = await there.create_process(command, encoding=None)
            return process.stdout, process.stdin
        return await there.open_unix_connection(f"{self._run_dir}/agent.sock")

    async def _pause(self, seconds: float) -> None:
        until = time.time() + seconds
        while time.time() < until and not self._poked.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._poked.wait(), _LOOK_SECONDS)

    def _tell(self, id_: str, document: dict[str, Any]) -> None:
        self._unconfirmed[id_] = _line(document)
        if self._writer:
            self._writer.write(self._unconfirmed[id_])

    def _is(self, state: State, why: object) -> None:
        if state == "stopped" != self.state:
            # Nobody is left there to say it.
            died = {"event": "kernel_died", "why": "the instance was stopped"}
            self._entries.put_nowait(Entry(self.n, time.time(), "agent", died, b""))
        self.state, self.why = state, str(why)


async def ask(there: asyncssh.SSHClientConnection, command: str) -> dict[str, Any]:
    """Run the agent's file there; return what it says, whatever the shell said before."""
    done = await there.run(command, check=False)
    for line in reversed(str(done.stdout).splitlines()):
        if line.startswith('{"op":'):
            said: dict[str, Any] = json.loads(line)
            return said
    said_last = (str(done.stderr).strip().splitlines() or ["it said nothing"])[-1]
    return {"op": "status", "state": "gone", "why": said_last}


async def _lines(reader: asyncssh.SSHReader[bytes]) -> AsyncIterator[bytes]:
    """Yield whole lines of any length."""
    parts: list[bytes] = []
    while chunk := await reader.read(_CHUNK):
        first, *rest = chunk.split(b"\n")
        parts.append(first)
        for part in rest:
            yield b"".join(parts) + b"\n"
            parts = [part]


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _breaks() -> tuple[type[Exception], ...]:
    """How a link may break; a line that cannot be read is one of them."""
    import asyncssh

    return (DLMagicsError, OSError, asyncssh.Error, EOFError, ValueError, KeyError)
