"""The GPU kernel of this notebook: connect, find it again, let go of it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from dl_magics.actions.aws import access
from dl_magics.actions.gpu.host import Way
from dl_magics.errors import NotConnected
from dl_magics.gpu_kernel import kernelspec
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.host import probe
from dl_magics.host.info import HostInfo, Interpreter
from dl_magics.ssh import blocking, keys
from dl_magics.store import state


@dataclass(frozen=True, slots=True)
class Connection:
    """A notebook's GPU kernel: where it runs, in which interpreter."""

    way: Way
    python: str
    environment: str
    activate: str
    kernel: GpuKernel

    def __repr__(self) -> str:
        return f"GPU kernel on {self.way.name}: {self.environment}, {self.kernel.state}"


_TAB_SECONDS = 5.0
_open: dict[str, Connection] = {}


def look(way: Way) -> HostInfo:
    """Return what is installed there."""
    return blocking.wait_for(probe.probe_host(way.login()))


def connect(way: Way, interpreter: Interpreter) -> Connection:
    """Attach to this notebook's GPU kernel there; start it where there is none.

    It is remembered: after a restart of the notebook's own kernel it is found again.
    """
    if (open_ := _open.get(session())) and open_.way.alias != way.alias:
        disconnect()
    connection = _attach(way, interpreter.path, interpreter.name, interpreter.activation)
    state.choose(
        **{
            _remembered(): {
                "way": way.to_json(),
                "python": interpreter.path,
                "environment": interpreter.name,
                "activate": interpreter.activation,
            }
        }
    )
    return connection


def current() -> Connection:
    """Return this notebook's connection, also after its own kernel was restarted.

    Raises
    ------
    NotConnected
        where there is none.
    """
    if open_ := _open.get(session()):
        return open_
    known = state.choices().get(_remembered())
    if not known:
        raise NotConnected("No GPU kernel is connected to this notebook.", fix="%gpu_connect")
    return _attach(Way(**known["way"]), known["python"], known["environment"], known["activate"])


def is_connected() -> bool:
    """Whether `%%gpu` and `%%finetune` go to a GPU kernel."""
    return session() in _open or _remembered() in state.choices()


def at_hand() -> Connection | None:
    """Return this notebook's connection where it stands at this moment; nobody waits for it."""
    open_ = _open.get(session())
    return open_ if open_ and open_.kernel.state not in ("lost", "gone", "stopped") else None


def offer_in_launcher(connection: Connection) -> Path:
    """Write the kernelspec "Python (GPU: NAME)" of this host and return its file."""
    return kernelspec.write(
        alias=connection.way.alias,
        name=connection.way.name,
        python=connection.python,
        activate=connection.activate,
        identity=connection.way.identity,
    )


def disconnect(*, end_kernel: bool = False) -> str | None:
    """Let go of the GPU kernel, which lives on, or end it too; return where it was."""
    if not is_connected():
        return None
    connection = current()
    if end_kernel:
        connection.kernel.shutdown()
    let_go()
    state.choose(**{_remembered(): None})
    return connection.way.name


def let_go() -> None:
    """Close the link of this notebook, as the end of its own kernel does."""
    if open_ := _open.pop(session(), None):
        open_.kernel.close()


def completions(code: str, cursor: int) -> tuple[list[str], int]:
    """Return the names that the GPU kernel offers at a place in a cell, and where they begin.

    There are none where it is not connected now, or busy: nobody waits for a Tab.
    """
    open_ = _open.get(session())
    if not open_ or open_.kernel.state != "idle":
        return [], cursor
    said = open_.kernel.request(
        "shell", "complete_request", {"code": code, "cursor_pos": cursor}, seconds=_TAB_SECONDS
    )["content"]
    return list(said.get("matches", [])), said.get("cursor_start", cursor)


def session() -> str:
    """Return what tells this notebook from others: its path, else the folder we are in."""
    return os.environ.get("JPY_SESSION_NAME") or str(Path.cwd())


def run_dir(way: Way, name: str) -> str:
    """Return the folder there that belongs to one notebook of this computer.

    It is short: the path of a Unix socket holds 107 bytes.
    """
    words = f"{keys.ensure_key_pair(access.LOGIN_KEY).short} {way.alias} {name}"
    return f"~/.dlm/{hashlib.sha256(words.encode()).hexdigest()[:8]}"


def _attach(way: Way, python: str, environment: str, activate: str) -> Connection:
    kernel = GpuKernel.attach(way.login_again, run_dir(way, session()), python, activate=activate)
    if kernel.state == "starting":
        kernel.request("shell", "kernel_info_request", {})
    connection = Connection(way, python, environment, activate, kernel)
    _open[session()] = connection
    return connection


def _remembered() -> str:
    return f"GPU kernel of {session()}"
