"""The GPU kernel of this notebook: connect, reattach, take over, disconnect."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dl_magics.actions.gpu import free_kernels, kernel_records
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.gpu.kernel_records import Disconnected
from dl_magics.errors import NotConnected
from dl_magics.gpu_kernel import kernelspec
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.host import probe
from dl_magics.host.info import HostInfo, Interpreter
from dl_magics.ssh import blocking
from dl_magics.store import notebook_session, state
from dl_magics.store.notebook_session import NotebookSession
from dl_magics.store.state import KernelRecord


@dataclass(frozen=True, slots=True)
class NotebookKernel:
    """A notebook's GPU kernel: where it runs, in which interpreter; `id` names its folder there.

    `replaces_ended` is true if it was started in the place of one that had ended.
    """

    id: str
    host: SshHost
    python: str
    environment: str
    activate: str
    client: GpuKernel
    replaces_ended: bool = False

    def __repr__(self) -> str:
        return f"GPU kernel on {self.host.name}: {self.environment}, {self.client.state}"

    @property
    def run_dir(self) -> str:
        """The folder on the host of its agent."""
        return build_run_dir(self.id)


_TAB_SECONDS = 5.0
_open: dict[str, NotebookKernel] = {}


def probe_host(host: SshHost) -> HostInfo:
    """Return what is installed on the host."""
    return blocking.wait_for(probe.probe_host(host.resolve_target()))


def connect(host: SshHost, interpreter: Interpreter) -> NotebookKernel:
    """Attach to this notebook's GPU kernel on the host; start one if there is none.

    It is remembered, so that a restarted notebook kernel reattaches to it. A notebook that is
    connected to another host stays so if this fails.
    """
    session = _hold_session()
    record = KernelRecord(
        host=host.to_json(),
        python=interpreter.path,
        environment=interpreter.name,
        activate=interpreter.activation,
        notebook=session.name,
        title=session.title,
        folder=session.folder,
    )
    return _attach(session, kernel_records.choose_id(host, session), record)


def take_over(word: str = "") -> NotebookKernel:
    """Connect this notebook to the GPU kernel of a notebook that does not run any more.

    `word` is the id of the GPU kernel, "" for the one that was used last.
    """
    session = _hold_session()
    return _attach(session, *free_kernels.claim(session, word))


def current() -> NotebookKernel:
    """Return this notebook's kernel, also after its own kernel was restarted.

    Raises
    ------
    NotConnected
        If no GPU kernel is connected.
    WrongState
        If its instance is not running: a request would wait for its start.
    """
    session = notebook_session.current()
    kernel = _open.get(session.name)
    if not kernel or kernel.client.failure:
        kernel = reattach()
    if not kernel:
        raise free_kernels.explain_not_connected(session)
    if kernel.client.state == "stopped":
        kernel.host.resolve_target()
        kernel.client.reconnect()
    return kernel


def reattach() -> NotebookKernel | None:
    """Attach to the GPU kernel that an earlier process of this notebook was connected to.

    So does a process whose link has ended, as another host answered. Return None where there is no
    such kernel, or this process is attached to it.
    """
    session = notebook_session.current()
    open_ = _open.get(session.name)
    if open_ and not open_.client.failure:
        return None
    known = kernel_records.find_record(session)
    if not known:
        return None
    kernel_id, record = known
    return _attach(_hold_session(), kernel_id, replace(record, used_at=time.time()))


def is_connected() -> bool:
    """Whether `%%gpu` and `%%finetune` go to a GPU kernel."""
    session = notebook_session.current()
    return session.name in _open or kernel_records.find_record(session) is not None


def find_disconnected() -> str:
    """Return the name of the host from which this notebook was disconnected last, or ""."""
    name = notebook_session.current().name
    ended = [each for each in state.read().kernels.values() if each.notebook == name]
    return str(max(ended, key=lambda each: each.used_at).host["name"]) if ended else ""


def find_attached() -> NotebookKernel | None:
    """Return this notebook's GPU kernel if its link is up now, without waiting."""
    open_ = _open.get(notebook_session.current().name)
    return open_ if open_ and open_.client.state not in ("lost", "gone", "stopped") else None


def write_kernelspec(kernel: NotebookKernel) -> Path:
    """Write the kernelspec "Python (GPU: NAME)" of this host and return its file."""
    return kernelspec.write_kernelspec(
        alias=kernel.host.alias,
        name=kernel.host.name,
        python=kernel.python,
        activate=kernel.activate,
        identity=kernel.host.identity,
        # The launcher's process has other variables, and another profile may be selected then.
        profile=asdict(kernel.host.profile.named()) if kernel.host.profile else {},
    )


def disconnect(*, end_kernel: bool = False) -> Disconnected | None:
    """Detach from the GPU kernel, or shut it down too; return what was left, None without one."""
    session = notebook_session.current()
    free_kernels.give_up(session)
    known = kernel_records.find_record(session)
    if not known:
        _close(session)
        return None
    kernel_id, record = known
    start = kernel_records.read_start(SshHost.from_json(record.host))
    if end_kernel:
        if not kernel_records.find_end(record, start):
            current().client.shutdown()
        state.forget_kernel(kernel_id)
    _close(session)
    state.update(lambda before: state.disconnect_notebook(before, session.name))
    return Disconnected(record, start, was_ended=end_kernel)


def detach() -> None:
    """Close this notebook's link as the end of its process does; the GPU kernel keeps running."""
    session = notebook_session.current()
    _close(session)
    notebook_session.release(session)


def complete(code: str, cursor: int) -> tuple[list[str], int]:
    """Return the completions from the GPU kernel and the position where they begin.

    The list is empty while the kernel is busy or its link is down, so that Tab does not block.
    """
    open_ = _open.get(notebook_session.current().name)
    if not open_ or open_.client.state != "idle" or open_.client.unfinished_cells:
        return [], cursor
    reply = open_.client.request(
        "shell", "complete_request", {"code": code, "cursor_pos": cursor}, seconds=_TAB_SECONDS
    )["content"]
    return list(reply.get("matches", [])), reply.get("cursor_start", cursor)


def choose_run_dir(host: SshHost) -> str:
    """Return the folder on a host of the GPU kernel of this notebook, which is held from now on."""
    return build_run_dir(kernel_records.choose_id(host, _hold_session()))


def build_run_dir(kernel_id: str) -> str:
    """Return the folder of a GPU kernel on its host.

    The path is short because a socket address has at most 107 bytes.
    """
    return f"~/.dlm/{kernel_id}"


def _hold_session() -> NotebookSession:
    session = notebook_session.current()
    if not notebook_session.hold(session):
        raise NotConnected(
            f"{session.title} already runs in another process.",
            fix="Shut it down in the list of running kernels, then run the cell again.",
        )
    return session


def _attach(session: NotebookSession, kernel_id: str, record: KernelRecord) -> NotebookKernel:
    host = SshHost.from_json(record.host)
    is_known = kernel_id in state.read().kernels
    client = GpuKernel.attach(
        host.authorize_and_resolve,
        build_run_dir(kernel_id),
        record.python,
        activate=record.activate,
        holder=(session, host.name),
    )
    if client.state == "starting":
        client.request("shell", "kernel_info_request", {})
    _close(session)
    kernel = NotebookKernel(
        kernel_id,
        host,
        record.python,
        record.environment,
        record.activate,
        client,
        replaces_ended=is_known and client.is_new,
    )
    _open[session.name] = kernel
    state.connect_kernel(kernel_id, record)
    return kernel


def _close(session: NotebookSession) -> None:
    if open_ := _open.pop(session.name, None):
        open_.client.close()
