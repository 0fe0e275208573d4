"""Runs that trained, or train, where the GPU kernel is, and were begun on another computer."""

from __future__ import annotations

import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.gpu.notebook_kernel import Connection
from dl_magics.actions.runs import remote_finetune, remote_run
from dl_magics.errors import DLMagicsError
from dl_magics.runs import log
from dl_magics.ssh import commands, sftp
from dl_magics.store import paths
from dl_magics.training import recorder
from dl_magics.training.kernel_entry import KERNEL_FILE_NAME
from dl_magics.training.run import Run

# Nothing that leads out of a folder is the name of a run.
_NAME = re.compile(r"\w[\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The names of runs that are only there, newest first."""

    where: str = ""
    names: tuple[str, ...] = ()


def listed() -> Elsewhere:
    """Return what is only where this notebook's GPU kernel is; nothing where it cannot be asked."""
    connection = notebook_kernel.at_hand()
    return Elsewhere(connection.way.name, _only_there(connection)) if connection else Elsewhere()


def bring(name: str) -> Run | None:
    """Bring the run home whose name this is, or a part of; None where there is not one such."""
    connection = _connection()
    names = _only_there(connection) if connection else ()
    fitting = [each for each in names if each == name] or [n for n in names if name in n]
    return _brought(connection, fitting[0]) if connection and len(fitting) == 1 else None


def _connection() -> Connection | None:
    with suppress(DLMagicsError):
        return notebook_kernel.current() if notebook_kernel.is_connected() else None
    return None


def _only_there(connection: Connection) -> tuple[str, ...]:
    command = f"cd {remote_finetune.RUNS} 2>/dev/null && ls -1d -- */{KERNEL_FILE_NAME}"
    said = ""
    with suppress(DLMagicsError):
        said = commands.run(connection.way.login(), command).stdout
    names = (line.partition("/")[0] for line in said.splitlines())
    ours = paths.data_folder("runs")
    return tuple(
        name
        for name in sorted(names, reverse=True)
        if _NAME.fullmatch(name) and not (ours / name).exists()
    )


def _brought(connection: Connection, name: str) -> Run:
    """Make a folder for it here as if it had begun here; what it made comes too if it ended."""
    folder = paths.data_folder("runs") / name
    login = connection.way.login()
    with tempfile.TemporaryDirectory(dir=paths.data_folder()) as scratch:
        arriving = Path(scratch) / name
        arriving.mkdir()
        for file in (log.FILE_NAME, recorder.RECIPE_FILE_NAME, KERNEL_FILE_NAME):
            sftp.download_file(login, f"{remote_finetune.RUNS}/{name}/{file}", arriving / file)
        remote_run.take(arriving, connection.way)
        arriving.rename(folder)
    run = Run(folder)
    if run.state.ended:
        remote_run.settle(folder, run.state)
    return run
