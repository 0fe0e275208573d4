"""The process on a host that trains together with others, over the SSH connection of the host."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from dl_magics.crew import host_process
from dl_magics.crew.host_process import Command
from dl_magics.crew.member import Member
from dl_magics.errors import NoAnswer
from dl_magics.remote_code.request import restore_error
from dl_magics.ssh import connection
from dl_magics.ssh.target import SshTarget
from dl_magics.training.crew.frames import Frame, read_frame
from dl_magics.training.crew.joint import trainer
from dl_magics.training.crew.joint.hosts import VERSIONS, HostsLost

if TYPE_CHECKING:
    import asyncssh

_BACKEND = "jax"
# An instance that was taken away may leave its connection open.
_SECONDS_TO_START = 120.0
_LONGEST_ANSWER = 2**26
_VERSION = re.compile(r"[\w.+!-]{1,40}")


class TrainerProcess:
    """Made by `open`; `address` and `port` are where the other hosts reach it."""

    def __init__(self, member: Member, target: SshTarget) -> None:
        self.name = member.name
        self.target = target
        self.address, self.port = "", 0
        self.versions: dict[str, str] = {}
        self._stack = AsyncExitStack()
        self._process: asyncssh.SSHClientProcess[bytes]

    @classmethod
    async def open(cls, member: Member) -> TrainerProcess:
        """Start a process on the host of a member.

        Raises DLMagicsError where that is not possible.
        """
        target = await asyncio.to_thread(member.find)
        started = cls(member, target)
        try:
            async with asyncio.timeout(_SECONDS_TO_START):
                await started._start()
        except TimeoutError:
            await started.close()
            raise NoAnswer(
                f"{member.name} did not answer for {_SECONDS_TO_START:.0f} seconds.",
                fix="Look at it: %gpu_status",
            ) from None
        except BaseException:
            await started.close()
            raise
        return started

    async def send(self, op: str, payload: bytes = b"", **values: Any) -> None:
        """Send a frame; raise HostsLost where the connection is lost."""
        import asyncssh

        try:
            self._process.stdin.write(Frame({"op": op, **values}, payload).encode())
            await self._process.stdin.drain()
        except (OSError, asyncssh.Error) as error:
            raise HostsLost(f"the connection to {self.name} is lost.") from error

    async def hear(self, op: str, most: int = _LONGEST_ANSWER) -> Frame:
        """Return the next frame, which says `op`; its payload has at most so many bytes.

        Raises HostsLost where the process has ended, or DLMagicsError where it says why.
        """
        import asyncssh

        try:
            with checked_answers(self.name):
                frame = await read_frame(self._process.stdout, most)
        except (OSError, asyncssh.Error) as error:
            raise HostsLost(f"the connection to {self.name} is lost.") from error
        if frame is None:
            raise HostsLost(f"the process on {self.name} ended.")
        if frame.op == "failed":
            said = [str(frame.values.get(name, ""))[:1000] for name in ("type", "message", "fix")]
            raise restore_error(said[0], f"{self.name}: {said[1]}", said[2])
        if frame.op == "lost":
            raise HostsLost(f"on {self.name}, {frame.values.get('message', '')}"[:400])
        if frame.op != op:
            raise HostsLost(f"{self.name} said {frame.op[:40]!r}, not {op!r}.")
        return frame

    async def close(self) -> None:
        """End the process."""
        await self._stack.aclose()

    async def _start(self) -> None:
        python = await host_process.find_python(self.target)
        command = await Command.build(self.target, python, trainer.__name__, _BACKEND)
        shared = await connection.connect_shared(self.target)
        self._stack.enter_context(connection.translate_errors(self.target))
        self._process = await self._stack.enter_async_context(
            host_process.started(shared, command.line)
        )
        # Start files of the shell may print before.
        while line := await self._process.stdout.readline():
            if line.strip() == command.mark.encode():
                break
        said = (await self.hear("hello")).values
        with checked_answers(self.name):
            self.address = str(ipaddress.ip_address(said["address"]))
            self.port = int(said["port"])
            self.versions = {each: read_version(said["versions"][each]) for each in VERSIONS}


@contextmanager
def checked_answers(name: str) -> Iterator[None]:
    """Raise HostsLost where an answer of a host lacks what is read, or has something else."""
    try:
        yield
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise HostsLost(f"{name} sent what is no answer: {error!r:.200}") from error


def read_version(said: Any) -> str:
    """Return a version, which is shown as part of a command."""
    if not isinstance(said, str) or not _VERSION.fullmatch(said):
        raise ValueError("no version")
    return said
