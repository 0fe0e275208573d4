"""The GPU kernel of this notebook: connect, reattach, disconnect."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from dl_magics.actions.aws import access
from dl_magics.actions.gpu.host import SshHost
from dl_magics.errors import NotConnected
from dl_magics.gpu_kernel import kernelspec
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.host import probe
from dl_magics.host.info import HostInfo, Interpreter
from dl_magics.ssh import blocking, keys
from dl_magics.store import state


@dataclass(frozen=True, slots=True)
class NotebookKernel:
    """A notebook's GPU kernel: where it runs, in which interpreter."""

    host: SshHost
    python: str
    environment: str
    activate: str
    client: GpuKernel

    def __repr__(self) -> str:
        return f"GPU kernel on {self.host.name}: {self.environment}, {self.client.state}"


_TAB_SECONDS = 5.0
_open: dict[str, NotebookKernel] = {}


def probe_host(host: SshHost) -> HostInfo:
    """Return what is installed on the host."""
    return blocking.wait_for(probe.probe_host(host.resolve_target()))


def connect(host: SshHost, interpreter: Interpreter) -> NotebookKernel:
    """Attach to this notebook's GPU kernel on the host; start one if there is none.

    It is remembered, so that a restarted notebook kernel reattaches to it.
    """
    if (open_ := _open.get(session_name())) and open_.host.alias != host.alias:
        disconnect()
    kernel = _attach(host, interpreter.path, interpreter.name, interpreter.activation)
    record = state.KernelRecord(
        host=host.to_json(),
        python=interpreter.path,
        environment=interpreter.name,
        activate=interpreter.activation,
    )
    state.remember_kernel(session_name(), record)
    return kernel


def current() -> NotebookKernel:
    """Return this notebook's kernel, also after its own kernel was restarted.

    Raises
    ------
    NotConnected
        If no GPU kernel is connected.
    """
    if open_ := _open.get(session_name()):
        return open_
    known = state.read().kernels.get(session_name())
    if not known:
        raise NotConnected("No GPU kernel is connected to this notebook.", fix="%gpu_connect")
    return _attach(SshHost.from_json(known.host), known.python, known.environment, known.activate)


def is_connected() -> bool:
    """Whether `%%gpu` and `%%finetune` go to a GPU kernel."""
    return session_name() in _open or session_name() in state.read().kernels


def find_attached() -> NotebookKernel | None:
    """Return this notebook's GPU kernel if its link is up now, without waiting."""
    open_ = _open.get(session_name())
    return open_ if open_ and open_.client.state not in ("lost", "gone", "stopped") else None


def write_kernelspec(kernel: NotebookKernel) -> Path:
    """Write the kernelspec "Python (GPU: NAME)" of this host and return its file."""
    return kernelspec.write_kernelspec(
        alias=kernel.host.alias,
        name=kernel.host.name,
        python=kernel.python,
        activate=kernel.activate,
        identity=kernel.host.identity,
    )


def disconnect(*, end_kernel: bool = False) -> str | None:
    """Detach from the GPU kernel, or shut it down too; return the host's name, or None."""
    if not is_connected():
        return None
    kernel = current()
    if end_kernel:
        kernel.client.shutdown()
    detach()
    state.remember_kernel(session_name(), None)
    return kernel.host.name


def detach() -> None:
    """Close this notebook's link; the GPU kernel keeps running."""
    if open_ := _open.pop(session_name(), None):
        open_.client.close()


def complete(code: str, cursor: int) -> tuple[list[str], int]:
    """Return the completions from the GPU kernel and the position where they begin.

    The list is empty while the kernel is busy or its link is down, so that Tab does not block.
    """
    open_ = _open.get(session_name())
    if not open_ or open_.client.state != "idle":
        return [], cursor
    reply = open_.client.request(
        "shell", "complete_request", {"code": code, "cursor_pos": cursor}, seconds=_TAB_SECONDS
    )["content"]
    return list(reply.get("matches", [])), reply.get("cursor_start", cursor)


def session_name() -> str:
    """Return the notebook's path, or the current folder if Jupyter does not provide it."""
    return os.environ.get("JPY_SESSION_NAME") or str(Path.cwd())


def run_dir(host: SshHost, name: str) -> str:
    """Return the folder on the host for the kernel of one notebook on this computer.

    The path is short because a socket address has at most 107 bytes.
    """
    words = f"{keys.ensure_key_pair(access.LOGIN_KEY).short} {host.alias} {name}"
    return f"~/.dlm/{hashlib.sha256(words.encode()).hexdigest()[:8]}"


def _attach(host: SshHost, python: str, environment: str, activate: str) -> NotebookKernel:
    client = GpuKernel.attach(
        host.authorize_and_resolve, run_dir(host, session_name()), python, activate=activate
    )
    if client.state == "starting":
        client.request("shell", "kernel_info_request", {})
    kernel = NotebookKernel(host, python, environment, activate, client)
    _open[session_name()] = kernel
    return kernel
