"""The GPU kernels that are stored: which one a notebook has on a host, and whether it has ended.

A GPU kernel ends with its instance: which does not run, or was stopped and started again.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from dl_magics.actions.aws import access
from dl_magics.actions.gpu.host import SshHost
from dl_magics.core import clock_time
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import DLMagicsError, NoSuchInstance, WrongState
from dl_magics.ssh import keys
from dl_magics.store import state
from dl_magics.store.notebook_session import NotebookSession
from dl_magics.store.state import KernelRecord

# EC2 gives the time of a start, and that of its response, in whole seconds.
_CLOCK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The GPU kernel that a notebook has left: `was_ended` by its notebook, or else `start` tells.

    `start` is what `read_start` returned for its host.
    """

    record: KernelRecord
    start: float | DLMagicsError
    was_ended: bool

    def __str__(self) -> str:
        host = SshHost.from_json(self.record.host)
        left = f"Disconnected from {host.name}."
        name = quote_name(host.name, host.alias)
        stop = f" %aws_stop {name} stops the charges." if host.is_instance else ""
        if end := find_end(self.record, self.start):
            why = str(end).partition(": ")[0].removesuffix(".")
            runs = isinstance(self.start, float)
            return f"{left} Its GPU kernel has ended, with its variables: {why}.{stop * runs}"
        if self.was_ended:
            return f"{left} The GPU kernel was shut down.{stop}"
        if isinstance(self.start, DLMagicsError):
            return f"{left} Whether the GPU kernel keeps running is not known: {self.start}{stop}"
        return f"{left} The GPU kernel keeps running; %gpu_connect {name} reattaches.{stop}"


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


def read_start(host: SshHost) -> float | DLMagicsError:
    """Return when an instance was started last, 0 for another host; else why that is not known.

    WrongState and NoSuchInstance mean that it does not run.
    """
    try:
        return host.find_start()
    except DLMagicsError as error:
        return error


def find_end(record: KernelRecord, start: float | DLMagicsError) -> DLMagicsError | None:
    """Return why a GPU kernel has ended; None where it may run, also where AWS does not tell.

    `start` is what `read_start` returned for its host.
    """
    if isinstance(start, DLMagicsError):
        return start if isinstance(start, (WrongState, NoSuchInstance)) else None
    if record.used_at > start - _CLOCK_SECONDS:
        return None
    when = clock_time.format_time(start, time.time())
    return WrongState(
        f"{record.host['name']} was stopped, and started again at {when}: the GPU kernels of "
        "before have ended.",
        fix="%gpu_connect starts one, without variables.",
    )
