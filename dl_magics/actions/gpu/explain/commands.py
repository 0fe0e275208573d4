"""The ssh commands for a host and its GPU kernel, as lines of a shell.

They run in the home folder of the host. The GPU kernel is not attached to for them.
"""

from __future__ import annotations

import json
import shlex
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from dl_magics.actions.gpu import free_kernels, kernel_records, notebook_kernel
from dl_magics.actions.gpu.host import SshHost
from dl_magics.gpu_kernel import deploy
from dl_magics.ssh.target import SshTarget
from dl_magics.store import notebook_session
from dl_magics.store.state import KernelRecord

# Longer than the agent takes to answer.
_LISTEN_SECONDS = 5


@dataclass(frozen=True, slots=True)
class KnownKernel:
    """The GPU kernel of this notebook as it is stored, and how to log in to its host."""

    id: str
    record: KernelRecord
    login: SshTarget

    @classmethod
    def find(cls) -> KnownKernel:
        """Return the one that this notebook is connected to; raise NotConnected without one."""
        session = notebook_session.current()
        known = kernel_records.find_record(session)
        if known is None:
            raise free_kernels.explain_not_connected(session)
        kernel_id, record = known
        return cls(kernel_id, record, SshHost.from_json(record.host).resolve_target())

    def send(self, *documents: Mapping[str, Any], listens: bool = False) -> str:
        """Return the command that sends documents to the agent over its standard input.

        With `listens` it shows for some seconds what the agent sends.
        """
        lines = (shlex.quote(json.dumps(each, separators=(",", ":"))) for each in documents)
        written = f"printf '%s\\n' {' '.join(lines)}"
        if listens:
            written = f"{{ {written}; sleep {_LISTEN_SECONDS}; }}"
        folder = relative_folder(self.id)
        return f"{written} | {ssh(self.login, run_agent(folder, self.record.python, 'attach'))}"


def ssh(login: SshTarget, command: str) -> str:
    """Return the ssh command that runs a command on a host."""
    return shlex.join([*login.command_line(), command])


def relative_folder(kernel_id: str) -> str:
    """Return the folder of a GPU kernel, relative to the home folder of the host."""
    return notebook_kernel.build_run_dir(kernel_id).removeprefix("~/")


def run_agent(folder: str, python: str, command: str, *options: str) -> str:
    """Return the command of the agent of a folder on the host."""
    return deploy.build_command(folder, python, command, *options)


def upload(login: SshTarget, code: str, folder: str, name: str) -> str:
    """Return the command that uploads a file unless the host has it.

    `code` is Python that writes its content to the standard output of this computer.
    """
    file = shlex.quote(str(PurePosixPath(folder, name)))
    there = f"umask 077; mkdir -p {shlex.quote(folder)} && {{ [ -e {file} ] || cat > {file}; }}"
    return f"{run_here(code)} | {ssh(login, there)}"


def run_here(code: str) -> str:
    """Return the command that runs Python on this computer."""
    return shlex.join([sys.executable, "-c", code])


def new_id() -> str:
    """Return an id of a request: the agent carries out each once."""
    return uuid.uuid4().hex
