"""Starts the guard: as a service of systemd, which restarts it, or as a process of its own."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from . import files, service
from .commands import run_command

NAME = "dl-magics-guard"
PROGRAM = "guard.pyz"
LOG = "guard.log"
SYSTEMD = "/run/systemd/system"
"""It exists where systemd has started the system."""

COMMAND_SECONDS = 30.0
UNIT = """\
[Unit]
Description=Stops this instance when it is idle (dl_magics)
StartLimitIntervalSec=0
Before=ssh.service sshd.service

[Service]
ExecStart={python} -I {program} run {folder}
Restart=always
RestartSec=1
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
"""


def start_guard(folder: Path, unit_folder: Path) -> str:
    """Start the guard of a folder, in place of one that runs.

    Returns what restarts it: "systemd", or "" for nothing.
    """
    if start_unit(folder, unit_folder):
        return "systemd"
    service.end_running(folder)
    _detach(folder)
    return ""


def _detach(folder: Path) -> None:
    """Run the guard in a process that outlives this one."""
    if os.fork():
        return
    os.setsid()
    os.chdir("/")
    with (folder / LOG).open("ab") as log, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        service.run_service(folder)
    except Exception:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def start_unit(folder: Path, unit_folder: Path) -> bool:
    """Enable and start the service of systemd; return False where there is no systemd."""
    unit = UNIT.format(python=sys.executable, program=folder / PROGRAM, folder=folder)
    name = f"{NAME}.service"
    try:
        if not Path(SYSTEMD).is_dir() or not _control("daemon-reload"):
            return False
        files.replace_file(unit_folder / name, unit.encode())
        # At the first boot the system has not started yet: a wait for it would not end.
        return (
            _control("daemon-reload")
            and _control("enable", name)
            and _control("restart", "--no-block", name)
        )
    except OSError:
        return False


def _control(*words: str) -> bool:
    return not run_command(["systemctl", *words], COMMAND_SECONDS)
