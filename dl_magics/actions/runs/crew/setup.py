"""What the workers need on their hosts: an environment with Keras, and the same Dask as here."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dl_magics.actions.runs.crew import hosts
from dl_magics.crew.crew import require_dask
from dl_magics.crew.member import Member
from dl_magics.errors import CommandFailed, DLMagicsError, NotInstalled
from dl_magics.host import environments, probe
from dl_magics.host.info import HostInfo, Interpreter
from dl_magics.ssh import blocking, commands
from dl_magics.ssh.target import SshTarget
from dl_magics.text import escape_controls

_UV = "~/.local/bin/uv"
_LONGEST_VERSION = 40
_READ_VERSION = "from importlib.metadata import version as v; print(v('distributed'))"


@dataclass(frozen=True, slots=True)
class Missing:
    """What a host lacks, and the command that installs it there."""

    name: str
    target: SshTarget
    what: str
    command: str


def find_missing(workers: Sequence[str]) -> list[Missing]:
    """Return what the hosts of these names lack; one that does not answer is left to the crew."""
    return list_missing(hosts.list_members(workers), require_dask())


def list_missing(members: Sequence[Member], version: str) -> list[Missing]:
    """Return what hosts lack that are to compute with this version of Dask; all are asked at once.

    Nothing is changed there.
    """

    async def look() -> list[Missing | None]:
        return await asyncio.gather(*(_look(each, version) for each in members))

    return [each for each in blocking.wait_for(look()) if each]


def describe(missing: Sequence[Missing]) -> str:
    """Return the question whether to install it, with the commands."""
    lines = [f"Workers need Keras and Dask, which are installed on {len(missing)} hosts:"]
    for each in missing:
        lines += [f"  {each.name}: {each.what}", f"    {each.command}"]
    return "\n".join(map(escape_controls, lines))


def install(missing: Sequence[Missing]) -> Iterator[str]:
    """Install it on all hosts at once; yield a line for each.

    Raises
    ------
    CommandFailed
        where a command failed on a host, after the others have ended.
    """
    yield f"Installing on {', '.join(each.name for each in missing)} …"
    running = [(each, blocking.start_task(_install(each))) for each in missing]
    failed: DLMagicsError | None = None
    for each, task in running:
        try:
            task.result()
            yield f"{each.name}: installed"
        except DLMagicsError as error:
            failed = failed or error
    if failed:
        raise failed


async def _look(member: Member, version: str) -> Missing | None:
    package = f"distributed=={version}"
    try:
        target = await asyncio.to_thread(member.find)
        info = await probe.probe_host(target)
        try:
            python = environments.choose_interpreter(info)
        except NotInstalled as error:
            command = environments.install_command(info, package)
            return Missing(member.name, target, str(error), command)
        asked = f"{python.path} -c {shlex.quote(_READ_VERSION)}"
        found = (await commands.run_command(target, asked)).stdout.strip()[:_LONGEST_VERSION]
    except DLMagicsError:
        return None
    if found == version:
        return None
    what = f"Dask {found or 'is not installed'} in {python.path}, {version} on this computer"
    return Missing(member.name, target, what, _install_into(python, info, package))


def _install_into(python: Interpreter, info: HostInfo, package: str) -> str:
    """Return the command that installs a package; an environment made by uv has no pip."""
    pip, uv = f"{python.path} -m pip", info.uv or _UV
    return (
        f"if {pip} --version >/dev/null 2>&1; then {pip} install {package}; "
        f"else {uv} pip install --python {python.path} {package}; fi"
    )


async def _install(missing: Missing) -> None:
    line = environments.make_setup_command(missing.command)
    done = await commands.run_command(missing.target, line)
    if done.code:
        *_, last = ["", *done.stdout.strip().splitlines()]
        raise CommandFailed(
            f"What workers need could not be installed on {missing.name} (exit status "
            f"{done.code}): {last:.200}",
            fix=f"Run it in a terminal on the host: {missing.command}",
        )
