"""Asks the guard of a host, changes its settings, and installs it on a host that has none."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dl_magics.errors import CommandFailed
from dl_magics.guard import program
from dl_magics.guard.service.settings import Settings
from dl_magics.guard.status import GuardStatus
from dl_magics.remote_code import bundle
from dl_magics.ssh import commands, sftp
from dl_magics.ssh.target import SshTarget

_UPLOADS = ".dl_magics/code"
_MISSING = "no guard"
_SUDO = "The guard belongs to root: the login user needs sudo without a password."


async def read_status(target: SshTarget) -> GuardStatus | None:
    """Return the status of the guard of a host; None if none is installed."""
    return await _ask(target)


async def change_settings(target: SshTarget, changes: Mapping[str, Any]) -> GuardStatus | None:
    """Change settings of the guard; return its status, or None if none is installed.

    `keep_seconds` and `until_seconds` count from now on; None removes them.
    """
    return await _ask(target, changes)


def build_command(changes: Mapping[str, Any] | None = None) -> str:
    """Return the command of a host that changes settings of its guard and prints its status."""
    words = ["status"] if changes is None else ["change"]
    words += [program.FOLDER, *([] if changes is None else [json.dumps(dict(changes))])]
    installed = f"sudo -n test -e {program.FILE}"
    asked = f"{_python(program.FILE)} {shlex.join(words)}"
    return f"if {installed}; then {asked}; else echo {_MISSING}; fi"


async def _ask(target: SshTarget, changes: Mapping[str, Any] | None = None) -> GuardStatus | None:
    answer = await _run(target, build_command(changes))
    return None if answer is None else GuardStatus.from_json(answer)


async def install_guard(target: SshTarget, settings: Settings) -> GuardStatus:
    """Install this version of the guard and start it; settings that it has already are kept."""
    packed = program.pack_guard()
    name = bundle.name_by_content("guard", packed, ".pyz")
    file = await sftp.upload_once(target, packed, _UPLOADS, name)
    words = [program.FOLDER, program.UNITS, json.dumps(asdict(settings))]
    answer = await _run(target, f"{_python(file)} install {shlex.join(words)}")
    if answer is None:
        raise CommandFailed(f"The guard did not start on {target.name}.", fix=_SUDO)
    return GuardStatus.from_json(answer)


def _python(file: str) -> str:
    return f"sudo -n python3 -I {shlex.quote(file)}"


async def _run(target: SshTarget, command: str) -> Mapping[str, Any] | None:
    """Return the JSON object that a command of the guard printed; None if there is no guard."""
    done = await commands.run_command(target, command)
    lines = done.stdout.splitlines()
    for line in reversed(lines):
        if line.startswith('{"guard":'):
            try:
                document = json.loads(line)
            except ValueError:
                break
            return document if isinstance(document, dict) else None
    if _MISSING in lines:
        return None
    last = (done.stderr.strip().splitlines() or ["no answer"])[-1][:200]
    raise CommandFailed(f"The guard on {target.name} could not be asked: {last}", fix=_SUDO)
