"""Which GPU kernel a notebook has: the id that names its folder on a host, and its record."""

from __future__ import annotations

import hashlib

from dl_magics.actions.aws import access
from dl_magics.actions.gpu.host import SshHost
from dl_magics.ssh import keys
from dl_magics.store import state
from dl_magics.store.notebook_session import NotebookSession
from dl_magics.store.state import KernelRecord


def find_record(session: NotebookSession) -> tuple[str, KernelRecord] | None:
    """Return the id and the record of the GPU kernel that a notebook is connected to, or None."""
    for kernel_id, record in state.read().kernels.items():
        if record.notebook == session.name and record.connected:
            return kernel_id, record
    return None


def find_title(kernel_id: str) -> str:
    """Return the title of the notebook that a GPU kernel is for, "" where it is not known here."""
    record = state.read().kernels.get(kernel_id)
    return record.title if record else ""


def choose_id(host: SshHost, session: NotebookSession) -> str:
    """Return the id of the GPU kernel that the notebook has on a host, or of a new one.

    The id of a GPU kernel that another notebook took over is not used again.
    """
    kernels = state.read().kernels
    for kernel_id, record in kernels.items():
        if record.notebook == session.name and record.host["alias"] == host.alias:
            return kernel_id
    words = f"{keys.ensure_key_pair(access.LOGIN_KEY).short} {host.alias} {session.name}"
    while (kernel_id := hashlib.sha256(words.encode()).hexdigest()[:8]) in kernels:
        words += " next"
    return kernel_id


def preview_id(host: SshHost, session: NotebookSession) -> str:
    """Return what `choose_id` returns, without creating our login key, which is part of an id.

    It is `new` where that does not exist yet.
    """
    return choose_id(host, session) if keys.key_file(access.LOGIN_KEY).exists() else "new"
