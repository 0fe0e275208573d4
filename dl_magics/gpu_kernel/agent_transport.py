"""Connects to the agent; re-resolves its address after a failure."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from dl_magics.errors import NoAnswer, WrongState
from dl_magics.gpu_kernel import deploy
from dl_magics.ssh import connection
from dl_magics.ssh.target import SshTarget

if TYPE_CHECKING:
    import asyncssh

    Ends = tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]]

_DOUBT_SECONDS = 2.0
_LONGEST_ADDRESS = 100
_FIND_SECONDS = 1.0
_FIND_AGAIN_SECONDS = 3.0
_OPEN_SECONDS = 40.0
_HANGS_SECONDS = (45.0, 45.0, 120.0)
_START_FILES = "A startup file may block or exit: check ~/.bashrc and ~/.profile on the host."
T = TypeVar("T")


class AgentGone(Exception):
    """The instance answers, but there is no agent, and none can be started."""


class AgentTransport:
    """How to get to the agent of `run_dir`, which `python` runs there.

    Parameters
    ----------
    find
        Tells where the instance is now; it may take long.
    """

    def __init__(self, find: Callable[[], SshTarget], run_dir: str, python: str) -> None:
        self._find = find
        self._run_dir = run_dir
        self._python = python
        self._login: SshTarget | None = None
        self._finding: asyncio.Task[SshTarget] | None = None
        self._found_at = 0.0
        # What is longer is no address for a socket.
        self._stdio = len(f"{run_dir}/agent.sock") > _LONGEST_ADDRESS

    async def open(self) -> tuple[asyncssh.SSHClientConnection, *Ends]:
        """Open the agent's socket; return the connection that it goes over and both its ends."""
        there = await self._reach()
        async with asyncio.timeout(_OPEN_SECONDS):
            return there, *await self._open(there)

    async def _reach(self) -> asyncssh.SSHClientConnection:
        """Connect to where it was; where it does not answer there, to where it is now."""
        if self._login is None:
            self._login = await asyncio.to_thread(self._find)
        connecting = asyncio.ensure_future(connection.connect_shared(self._login))
        try:
            await asyncio.wait({connecting}, timeout=_DOUBT_SECONDS)
            if connecting.done() and connecting.exception() is None:
                return connecting.result()
            now = await self._found()
            if now is None or now == self._login:
                return await connecting
        finally:
            connecting.cancel()
        self._login = now
        return await connection.connect_shared(now)

    async def _found(self) -> SshTarget | None:
        """Ask where it is now; without a network that may take long, so it goes on behind."""
        if self._finding is None:
            if time.time() - self._found_at < _FIND_AGAIN_SECONDS:
                return None
            self._finding = asyncio.ensure_future(asyncio.to_thread(self._find))
        await asyncio.wait({self._finding}, timeout=_FIND_SECONDS)
        if not self._finding.done():
            return None
        found, self._finding, self._found_at = self._finding, None, time.time()
        try:
            return found.result()
        except WrongState:
            self._login = None
            raise

    async def _open(self, there: asyncssh.SSHClientConnection) -> Ends:
        """Open the socket; if no agent listens, start one that adopts the kernel."""
        if not self._stdio and (ends := await self._socket(there)):
            return ends
        status = await run_agent_command(
            there, deploy.build_command(self._run_dir, self._python, "adopt")
        )
        if status["state"] == "gone":
            raise AgentGone(status["why"] or "the agent could not be started")
        if not self._stdio and (ends := await self._socket(there)):
            return ends
        # It listens, but sockets may not be forwarded there.
        self._stdio = True
        command = deploy.build_command(self._run_dir, self._python, "attach")
        process = await there.create_process(command, encoding=None)
        return process.stdout, process.stdin

    async def _socket(self, there: asyncssh.SSHClientConnection) -> Ends | None:
        import asyncssh

        try:
            return await there.open_unix_connection(f"{self._run_dir}/agent.sock")
        except asyncssh.ChannelOpenError:
            return None


async def run_agent_command(there: asyncssh.SSHClientConnection, command: str) -> dict[str, Any]:
    """Run the agent's file there; return what it says, whatever the shell said before."""
    done = await there.run(command, check=False)
    for line in reversed(str(done.stdout).splitlines()):
        if line.startswith('{"op":'):
            said: dict[str, Any] = json.loads(line)
            return said
    if done.returncode is None:
        raise NoAnswer(
            "The connection was lost while the agent was queried.", fix="Run the line again."
        )
    said_last = str(done.stderr).strip().splitlines()
    if not said_last:
        raise NoAnswer(
            f"The shell on the host exited without output (exit status {done.returncode}).",
            fix=_START_FILES,
        )
    return {"op": "status", "state": "gone", "why": said_last[-1]}


async def retry_on_fresh_connection(work: Callable[[], Awaitable[T]], login: SshTarget) -> T:
    """Do what may be done twice over a fresh connection, where the one there hangs or breaks."""
    for seconds in _HANGS_SECONDS:
        try:
            async with asyncio.timeout(seconds):
                return await work()
        except (TimeoutError, NoAnswer) as error:
            last = error
            await connection.drop_shared(login.alias)
    if isinstance(last, NoAnswer):
        raise last
    tries = f"{len(_HANGS_SECONDS)} times"
    raise NoAnswer(
        f"The login shell on {login.name} timed out {tries}.", fix=_START_FILES
    ) from last
