"""Connects to the agent; re-resolves its address after a failure."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from dl_magics.errors import KernelDied, NoAnswer, WrongState
from dl_magics.gpu_kernel import deploy
from dl_magics.gpu_kernel.cuda_env import LET_SEE
from dl_magics.gpu_kernel.link.status import AgentStatus
from dl_magics.gpu_kernel.link.stream import parse_document
from dl_magics.ssh import commands, connection
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
    """The host responds, but no agent is running and none could be started."""


class AgentTransport:
    """Connects to the agent of `run_dir`, which `python` runs on the host.

    Parameters
    ----------
    find
        Returns the current SSH target; it may block for a long time.
    """

    def __init__(self, find: Callable[[], SshTarget], run_dir: str, python: str) -> None:
        self._find = find
        self._run_dir = run_dir
        self._python = python
        self._login: SshTarget | None = None
        self._finding: asyncio.Task[SshTarget] | None = None
        self._found_at = 0.0
        # A longer path exceeds the limit for a socket address.
        self._stdio = len(f"{run_dir}/agent.sock") > _LONGEST_ADDRESS

    async def open(self) -> tuple[asyncssh.SSHClientConnection, *Ends]:
        """Open the agent's socket; return the SSH connection and the socket's reader and writer."""
        remote = await self._reach()
        async with asyncio.timeout(_OPEN_SECONDS):
            return remote, *await self._open(remote)

    async def _reach(self) -> asyncssh.SSHClientConnection:
        """Connect to the last known address; if there is no reply, look up the current one."""
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
        """Look up the current target; without a network the lookup continues in the background."""
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

    async def _open(self, remote: asyncssh.SSHClientConnection) -> Ends:
        """Open the socket; if no agent listens, start one that adopts the kernel."""
        if not self._stdio and (ends := await self._socket(remote)):
            return ends
        status = await run_agent_command(
            remote, deploy.build_command(self._run_dir, self._python, "adopt")
        )
        if status.state == "gone":
            raise AgentGone(status.why or "the agent could not be started")
        if not self._stdio and (ends := await self._socket(remote)):
            return ends
        # The agent listens, but sshd does not allow forwarding to sockets.
        self._stdio = True
        command = deploy.build_command(self._run_dir, self._python, "attach")
        process = await remote.create_process(command, encoding=None)
        return process.stdout, process.stdin

    async def _socket(self, remote: asyncssh.SSHClientConnection) -> Ends | None:
        import asyncssh

        try:
            return await remote.open_unix_connection(f"{self._run_dir}/agent.sock")
        except asyncssh.ChannelOpenError:
            return None


def build_start_options(python: str, *, cwd: str, activate: str) -> list[str]:
    """Return the options of the agent's command that starts a kernel."""
    return ["--python", python, "--cwd", cwd, "--activate", activate + LET_SEE]


async def start_agent(
    login: SshTarget, run_dir: str, python: str, *how: str
) -> tuple[str, AgentStatus]:
    """Start an agent unless one runs; return its absolute folder and its status.

    `how` are the options that start a kernel, too; without them none is started.
    """

    async def start() -> tuple[str, AgentStatus]:
        folder = await deploy.upload_agent(login, run_dir)
        remote = await connection.connect_shared(login)
        with connection.translate_errors(login):
            words = ("start", *how) if how else ("adopt",)
            command = deploy.build_command(folder, python, *words)
            return folder, await run_agent_command(remote, command)

    folder, status = await retry_on_fresh_connection(start, login)
    if status.state == "gone" and not how:
        raise KernelDied(
            f"The GPU kernel on {login.name} is gone: {status.why}",
            fix=f"%gpu_connect {login.typed_name} starts another one.",
        )
    if status.state == "gone":
        raise KernelDied(
            f"The kernel did not start on {login.name}: {status.why}",
            fix=f"{python} on the host needs ipykernel: %gpu_connect --setup installs it.",
        )
    return folder, status


async def run_agent_command(remote: asyncssh.SSHClientConnection, command: str) -> AgentStatus:
    """Run the agent's file on the host; return its status, ignoring other shell output."""
    done = await commands.run_limited(remote, command)
    for line in reversed(done.stdout.splitlines()):
        if line.startswith('{"op":'):
            with contextlib.suppress(ValueError):
                return AgentStatus.read(parse_document(line.encode()))
    if done.code is None:
        raise NoAnswer(
            "The connection was lost while the agent was queried.", fix="Run the line again."
        )
    errors = done.stderr.strip().splitlines()
    if not errors:
        raise NoAnswer(
            f"The shell on the host exited without output (exit status {done.code}).",
            fix=_START_FILES,
        )
    return AgentStatus("gone", errors[-1])


async def retry_on_fresh_connection(work: Callable[[], Awaitable[T]], login: SshTarget) -> T:
    """Run idempotent work; repeat it over a fresh connection if the shared one hangs or fails.

    A connection that others use for a transfer is kept.
    """
    last: Exception | None = None
    for seconds in _HANGS_SECONDS:
        try:
            async with asyncio.timeout(seconds):
                return await work()
        except NoAnswer as error:
            last = error
        except TimeoutError as error:
            last = error
            await connection.drop_idle(login.alias)
    if isinstance(last, NoAnswer):
        raise last
    tries = f"{len(_HANGS_SECONDS)} times"
    raise NoAnswer(
        f"The login shell on {login.name} timed out {tries}.", fix=_START_FILES
    ) from last
