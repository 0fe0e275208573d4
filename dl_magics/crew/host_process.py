"""A process of dl_magics on a host, over SSH: it ends with its input."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dl_magics.host import environments, probe
from dl_magics.host.info import Interpreter
from dl_magics.remote_code import runner
from dl_magics.ssh.target import SshTarget

if TYPE_CHECKING:
    import asyncssh

_SECONDS_TO_END = 2.0


@dataclass(frozen=True, slots=True)
class Command:
    """The command that runs a module on a host, which answers behind a random `mark`."""

    line: str
    mark: str

    @classmethod
    async def build(
        cls, target: SshTarget, python: Interpreter, module: str, backend: str
    ) -> Command:
        """Upload our code, and return the command that calls `main(mark)` of a module."""
        archive, mark = await runner.upload_bundle(target), secrets.token_hex(16)
        line = runner.build_command(
            python.path,
            archive,
            mark,
            activate=python.activation,
            variables={"KERAS_BACKEND": backend},
            module=module,
        )
        return cls(line, mark)


async def find_python(target: SshTarget) -> Interpreter:
    """Return the interpreter of a host that has Keras."""
    return environments.choose_interpreter(await probe.probe_host(target))


@asynccontextmanager
async def started(
    shared: asyncssh.SSHClientConnection, command: str
) -> AsyncIterator[asyncssh.SSHClientProcess[bytes]]:
    """Start a process; it ends with its input, at the end of the block."""
    import asyncssh

    process = await shared.create_process(command, encoding=None, stderr=asyncssh.DEVNULL)
    try:
        yield process
    finally:
        try:
            with suppress(OSError, asyncssh.Error, TimeoutError):
                process.stdin.write_eof()
                async with asyncio.timeout(_SECONDS_TO_END):
                    await process.wait_closed()
        finally:
            process.channel.abort()
