"""Run one command on a host, with a limit to what it may print."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dl_magics.errors import CommandFailed, NoAnswer
from dl_magics.ssh import connection
from dl_magics.ssh.target import SshTarget

if TYPE_CHECKING:
    import asyncssh

MAX_OUTPUT = 256 * 2**20
_CHUNK = 2**18


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command wrote to stdout and stderr, and its exit status."""

    stdout: str
    stderr: str
    code: int

    def __repr__(self) -> str:
        return (self.stdout + self.stderr).rstrip("\n")


class ProcessOutput(NamedTuple):
    """What a process wrote, and its exit status: None after a lost connection."""

    stdout: str
    stderr: str
    code: int | None


async def run_command(target: SshTarget, command: str, stdin: str | None = None) -> CommandResult:
    """Run a command in the login shell of the host and return its result.

    Raises
    ------
    NoAnswer, LoginRefused, HostKeyRefused
        if the host cannot be reached, or the connection ends before the command does.
    CommandFailed
        if its output has no reasonable size.
    """
    shared = await connection.connect_shared(target)
    with connection.translate_errors(target):
        done = await run_limited(shared, command, stdin)
    if done.code is None:
        raise NoAnswer(
            f"The connection to {target.name} ended before the command did.",
            fix="%aws_state shows whether the instance is running."
            if target.is_instance
            else f"Check the host: {shlex.join(target.command_line())}",
        )
    return CommandResult(done.stdout, done.stderr, done.code)


async def run_limited(
    remote: asyncssh.SSHClientConnection,
    command: str,
    stdin: str | None = None,
    *,
    timeout: float | None = None,
    watch: Callable[[str], None] | None = None,
) -> ProcessOutput:
    """Run a command over a connection; see `collect_output`."""
    process = await remote.create_process(command, errors="replace")
    if stdin:
        # It may have ended without reading: then its output and status say why.
        with suppress(OSError):
            process.stdin.write(stdin)
            process.stdin.write_eof()
    return await collect_output(process, timeout=timeout, watch=watch)


async def collect_output(
    process: asyncssh.SSHClientProcess[str],
    *,
    timeout: float | None = None,
    max_size: int = MAX_OUTPUT,
    watch: Callable[[str], None] | None = None,
) -> ProcessOutput:
    """Wait for the end of a process and return its output; end it in any other case.

    `watch` is called with each part of stdout as it comes.

    Raises
    ------
    CommandFailed
        if it writes more than `max_size` characters: they would fill the memory of this computer.
    TimeoutError
        if it has not ended after `timeout` seconds.
    """
    try:
        async with asyncio.timeout(timeout):
            stdout, stderr = await asyncio.gather(
                _read_all(process.stdout, max_size, watch), _read_all(process.stderr, max_size)
            )
            await process.wait_closed()
    finally:
        process.channel.abort()
    return ProcessOutput(stdout, stderr, process.returncode)


async def _read_all(
    reader: asyncssh.SSHReader[str], max_size: int, watch: Callable[[str], None] | None = None
) -> str:
    import asyncssh

    parts, size = [], 0
    try:
        while part := await reader.read(_CHUNK):
            parts.append(part)
            if watch:
                watch(part)
            size += len(part)
            if size > max_size:
                raise CommandFailed(
                    f"The command on the host printed more than {max_size:,} characters.",
                    fix="Write its output to a file on the host and fetch it: %sync down FILE",
                )
    except asyncssh.Error:
        pass  # the connection was lost: there is no exit status
    return "".join(parts)
