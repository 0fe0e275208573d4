"""Which notebook this process runs, whatever its working directory changes to.

A notebook is known by its file where Jupyter or VS Code names one, so that it is the same after a
restart of its kernel. Elsewhere (nbclient, papermill, a console, a terminal) it is known by its own
kernel. While a process runs, it holds a lock with the name: two kernels of one file are two
sessions.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dl_magics.store import lock, paths

# Set by VS Code in the namespace of each notebook.
_VS_CODE_FILE = "__vsc_ipynb_file__"
_UNKNOWN = "a Python process"
# A kernel that was asked to end has this long before it is killed.
_LAST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class NotebookSession:
    """A notebook while one process runs it.

    `name` identifies it, `title` is for people, `folder` is where it began. `shared_file` is the
    file of the notebook if another running kernel has it open, so that `name` is another one.
    """

    name: str
    title: str
    folder: str
    shared_file: str = ""


def _find_folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return "a deleted folder"


@dataclass(frozen=True, slots=True)
class _Process:
    """What this process knows of itself."""

    kernel_id: str = field(default_factory=lambda: os.urandom(8).hex())
    kind: str = _UNKNOWN
    variables: Mapping[str, object] = field(default_factory=dict)
    folder: str = field(default_factory=_find_folder)


_process = _Process()
_sessions: dict[tuple[str, str, str], NotebookSession] = {}


def identify_process(
    kernel_id: str | None = None, *, kind: str, variables: Mapping[str, object]
) -> None:
    """Record what identifies this process: the id of its kernel, and the namespace of its cells.

    `kind` is what people call it: "a notebook", "a terminal".
    """
    global _process
    kernel_id = kernel_id or _process.kernel_id
    _process = replace(_process, kernel_id=kernel_id, kind=kind, variables=variables)


def can_ask() -> bool:
    """Whether a person can be asked here: in the main thread of a notebook or a terminal.

    A Jupyter server would wait for an answer in the terminal that it was started in.
    """
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and _process.kind != _UNKNOWN


def build_kernel_id(connection_file: str, key: bytes) -> str:
    """Return the id of a Jupyter kernel, which it keeps when its front end restarts it.

    The key of its messages is random; the number in the name of a file may come back.
    """
    return _digest(connection_file.encode() + b"\0" + key)


def current() -> NotebookSession:
    """Return the notebook of this process; the first call decides."""
    file = _find_file()
    key = (str(paths.data_folder()), file, _process.kernel_id)
    if key not in _sessions:
        _sessions[key] = _decide(file)
    return _sessions[key]


def is_running(name: str) -> bool:
    """Whether a process runs the notebook of this name now."""
    return lock.is_held(lock_name(name))


def hold(session: NotebookSession) -> bool:
    """Hold the name of a session until the end of this process; False if another one does."""
    return lock.hold_until_exit(lock_name(session.name), seconds=_LAST_SECONDS)


def forget_file(session: NotebookSession) -> None:
    """Forget that another kernel has the file of this notebook open."""
    for key in [key for key, each in _sessions.items() if each == session]:
        _sessions[key] = replace(session, shared_file="")


def release(session: NotebookSession) -> None:
    """Let another process run the notebook."""
    for key in [key for key, each in _sessions.items() if each == session]:
        del _sessions[key]
    lock.release(lock_name(session.name))


def _decide(file: str) -> NotebookSession:
    if file:
        session = NotebookSession(file, Path(file).name, _process.folder)
        if hold(session):
            return session
    title = f"{_process.kind} in {_process.folder}"
    return NotebookSession(_process.kernel_id, title, _process.folder, shared_file=file)


def _find_file() -> str:
    """Return the path of the notebook, "" where it is unknown or not saved yet."""
    named = os.environ.get("JPY_SESSION_NAME", "")
    if not named or "VSCODE_PID" in os.environ:
        for path in (str(_process.variables.get(_VS_CODE_FILE, "")), named):
            if Path(path).is_absolute():
                return path
        # `Untitled-1.ipynb` is another notebook in each window of VS Code.
        return ""
    return named


def lock_name(name: str) -> str:
    """Return the name of the lock that a running notebook holds."""
    return f"notebook-{_digest(name.encode())}"


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()[:16]
