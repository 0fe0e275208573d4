"""Call a function of dl_magics in a new process of any interpreter, on a host or locally.

The bundle is uploaded once, the request goes to stdin and the response is one line of stdout.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from dl_magics.errors import CommandFailed, NoAnswer
from dl_magics.remote_code import bundle, entry
from dl_magics.remote_code.request import build_request, read_progress, read_response
from dl_magics.ssh import commands, connection, sftp
from dl_magics.ssh.target import SshTarget
from dl_magics.store import paths

FOLDER = ".dl_magics/code"
"""Where bundles lie on a host, relative to the home folder."""

Progress = Callable[[int, int], None]

_LAST_LETTERS = 300
# Of progress; of a longer line, such as a large response, the rest need not be kept.
_LONGEST_LINE = 200
# With -c, Python would import from the current folder first.
_PROGRAM = (
    "import sys; sys.path[:] = [{archive!r}, *filter(None, sys.path)]; "
    "from {unpack} import import_from; import_from({archive!r}); "
    "from {module} import main; main({mark!r})"
)


def build_program(archive: str, mark: str, module: str = entry.__name__) -> str:
    """Return the program for `python -c` that calls `main(mark)` of a module of the bundle.

    By default it reads a request and writes the response.
    """
    return _PROGRAM.format(archive=archive, mark=mark, module=module, unpack=bundle.UNPACK)


def build_command(
    python: str,
    archive: str,
    mark: str,
    *,
    activate: str = "",
    variables: Mapping[str, str] | None = None,
    module: str = entry.__name__,
) -> str:
    """Return the command of a host that runs the program in an activated environment."""
    command = shlex.join([python, "-c", build_program(archive, mark, module)])
    assigned = "".join(f"{name}={shlex.quote(value)} " for name, value in (variables or {}).items())
    line = f"{activate} && " * bool(activate) + f"{assigned}exec {command}"
    return f"exec sh -c {shlex.quote(line)}"


async def upload_bundle(target: SshTarget) -> str:
    """Upload the bundle unless the host has it; return its absolute path there."""
    packed = bundle.pack_travelling()
    return await sftp.upload_once(target, packed.data, FOLDER, packed.name)


async def run(
    target: SshTarget,
    python: str,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    activate: str = "",
    variables: Mapping[str, str] | None = None,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Call `function(**arguments)` in a new process on a host and return its result.

    Parameters
    ----------
    target
        The host.
    python
        The interpreter there, 3.8 or newer.
    function
        A function of a module that is part of the bundle; it returns JSON values.
    arguments
        JSON values.
    activate
        A shell command to run first, such as the activation of a conda environment.
    variables
        Environment variables to add.
    timeout
        Seconds after which to give up; None waits without limit.
    progress
        Is called in the loop with what is done, and of how much; the function gets a `progress`.

    Raises
    ------
    CommandFailed
        if the process ends without a response, or not in time.
    NoAnswer
        if the connection ends first.
    DLMagicsError
        the error that the function raised.
    """
    archive, mark = await upload_bundle(target), secrets.token_hex(16)
    command = build_command(python, archive, mark, activate=activate, variables=variables)
    shared = await connection.connect_shared(target)
    with connection.translate_errors(target):
        try:
            done = await commands.run_limited(
                shared,
                command,
                build_request(function, arguments, reports=progress is not None),
                timeout=timeout,
                watch=_watch(progress, mark) if progress else None,
            )
        except TimeoutError as error:
            raise _no_response(python, target.name, f"within {timeout:.0f} seconds", "") from error
    result = read_response(done.stdout, mark)
    if result is not None:
        return result
    if done.code is None:
        raise NoAnswer(
            f"The connection to {target.name} ended before {python} sent a response.",
            fix="Run the same line again.",
        )
    status = f"(exit status {done.code})"
    raise _no_response(python, target.name, status, done.stderr)


async def run_locally(
    python: str,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Call `function(**arguments)` in another interpreter of this computer; see `run`."""
    archive, mark = bundle.write_bundle(paths.data_folder("code")), secrets.token_hex(16)
    try:
        process = await asyncio.create_subprocess_exec(
            python,
            "-c",
            build_program(str(archive), mark),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(variables or {})},
        )
    except OSError as error:
        raise _no_response(python, "this computer", "", str(error)) from error
    request = build_request(function, arguments).encode()
    stdout, stderr = (
        each.decode("utf-8", "replace") for each in await process.communicate(request)
    )
    result = read_response(stdout, mark)
    if result is None:
        status = f"(exit status {process.returncode})"
        raise _no_response(python, "this computer", status, stderr)
    return result


def _watch(progress: Progress, mark: str) -> Callable[[str], None]:
    """Return a function that takes the output in parts and passes its lines of progress on."""
    begun = ""

    def watch(part: str) -> None:
        nonlocal begun
        *lines, begun = (begun + part).split("\n")
        begun = begun[:_LONGEST_LINE]
        for found in filter(None, (read_progress(line, mark) for line in lines)):
            progress(*found)

    return watch


def _no_response(python: str, host: str, when: str, stderr: str) -> CommandFailed:
    last = (stderr.strip().splitlines() or [""])[-1][:_LAST_LETTERS]
    return CommandFailed(
        f"{python} on {host} sent no response {when}".rstrip() + (f": {last}" if last else "."),
        fix=f"It must be Python 3.8 or newer; check it on {host}: {python} --version",
    )
