"""Run one command on a host over the shared connection."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from dl_magics.errors import NoAnswer
from dl_magics.ssh import connection
from dl_magics.ssh.target import SshTarget


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command wrote to stdout and stderr, and its exit status."""

    stdout: str
    stderr: str
    code: int

    def __repr__(self) -> str:
        return (self.stdout + self.stderr).rstrip("\n")


async def run_command(target: SshTarget, command: str, stdin: str | None = None) -> CommandResult:
    """Run a command in the login shell of the host and return its result.

    Raises
    ------
    NoAnswer, LoginRefused, HostKeyRefused
        if the host cannot be reached, or the connection ends before the command does.
    """
    shared = await connection.connect_shared(target)
    with connection.translate_errors(target):
        done = await shared.run(command, check=False, input=stdin)
    if done.returncode is None:
        raise NoAnswer(
            f"The connection to {target.name} ended before the command did.",
            fix="%aws_state shows whether the instance is running."
            if target.is_instance
            else f"Check the host: {shlex.join(target.command_line())}",
        )
    return CommandResult(str(done.stdout), str(done.stderr), done.returncode)
