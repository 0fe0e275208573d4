"""Find what is installed on a host, with a POSIX shell script: a host may have no Python."""

from __future__ import annotations

import secrets
from contextlib import suppress

from dl_magics.errors import NoAnswer
from dl_magics.host import probe_script
from dl_magics.host.info import HostInfo
from dl_magics.ssh import commands, connection
from dl_magics.ssh.target import SshTarget

COMMAND = "exec sh -s"
"""Runs the script that comes on its standard input."""

# The disk of a new instance is slow at first; each step of the script has its own timeout.
_TIMEOUT_SECONDS = 60.0


async def probe_host(target: SshTarget) -> HostInfo:
    """Return the GPUs, the driver and the Python environments of a host.

    Raises
    ------
    NoAnswer
        if a start file of its shell exits or hangs.
    """
    begin, end = f"DLM-{secrets.token_hex(8)}", f"DLM-{secrets.token_hex(8)}"
    shared = await connection.connect_shared(target)
    with connection.translate_errors(target):
        try:
            process = await shared.create_process(COMMAND, errors="replace")
            # A start file may have ended the shell already: its exit status is reported below.
            with suppress(BrokenPipeError):
                process.stdin.write(probe_script.build_script(begin, end))
                process.stdin.write_eof()
            done = await commands.collect_output(process, timeout=_TIMEOUT_SECONDS)
        except TimeoutError as error:
            raise _no_answer(target, f"for {_TIMEOUT_SECONDS:.0f} seconds", "") from error
    lines = done.stdout.splitlines()
    if begin not in lines or end not in lines:
        code = "" if done.code is None else f" (exit status {done.code})"
        raise _no_answer(target, f"what is installed{code}", done.stderr)
    return probe_script.parse_lines(target.name, lines[lines.index(begin) + 1 : lines.index(end)])


def _no_answer(target: SshTarget, what: str, stderr: str) -> NoAnswer:
    errors = stderr.strip().splitlines()
    detail = f": {errors[-1]:.200}" if errors else "."
    return NoAnswer(
        f"The shell of {target.name} did not report {what}{detail}",
        fix="A start file may exit or hang: check ~/.bashrc and ~/.profile on the host.",
    )
