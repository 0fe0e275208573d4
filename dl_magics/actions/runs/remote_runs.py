"""Runs that another computer started on the connected host."""

from __future__ import annotations

import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.actions.runs import remote_run
from dl_magics.errors import DLMagicsError, NoSuchRun
from dl_magics.runs import log, remote_origin
from dl_magics.runs.log import LogWriter
from dl_magics.runs.state import RunState
from dl_magics.ssh import blocking, sftp
from dl_magics.store import paths, private
from dl_magics.training import recorder
from dl_magics.training.run import Run

# A name never leads out of the folder of runs.
_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
# What leads to a remote run, with the largest size of each.
_FILES = {
    log.FILE_NAME: log.MAX_BYTES,
    remote_origin.KERNEL_FILE_NAME: remote_origin.KERNEL_FILE_BYTES,
}


@dataclass(frozen=True, slots=True)
class RemoteRuns:
    """The names of the runs that are only on `host`, newest first."""

    host: str = ""
    names: tuple[str, ...] = ()


def list_remote_runs() -> RemoteRuns:
    """Return the runs that are only on the connected host; none while it cannot be reached."""
    kernel = notebook_kernel.find_attached()
    if kernel:
        with suppress(DLMagicsError):
            return RemoteRuns(kernel.host.name, _names_only_on_host(kernel))
    return RemoteRuns()


def import_run(part: str) -> Run | None:
    """Fetch the remote run with this name or a part of it; None where not exactly one fits.

    Raises NoSuchRun where the host to which the notebook is connected cannot be asked.
    """
    if not notebook_kernel.is_connected():
        return None
    try:
        kernel = notebook_kernel.current()
        names = _names_only_on_host(kernel)
    except DLMagicsError as error:
        raise NoSuchRun(
            f"No run on this computer matches {part!r}, and the host cannot be asked: {error}",
            fix=error.fix,
        ) from error
    fitting = [name for name in names if name == part] or [name for name in names if part in name]
    return _fetch_run(kernel, fitting[0]) if len(fitting) == 1 else None


def _names_only_on_host(kernel: NotebookKernel) -> tuple[str, ...]:
    pattern = f"*/{remote_origin.KERNEL_FILE_NAME}"
    command = f"cd {remote_run.RUNS} 2>/dev/null && ls -1d -- {pattern}"
    output = blocking.run_command(kernel.host.resolve_target(), command).stdout
    names = (line.partition("/")[0] for line in output.splitlines())
    local = paths.data_folder("runs")
    return tuple(
        name
        for name in sorted(names, reverse=True)
        if _NAME.fullmatch(name) and not (local / name).exists()
    )


def _fetch_run(kernel: NotebookKernel, name: str) -> Run:
    """Create the local folder of a remote run; fetch its model too if the run has ended."""
    folder, there = paths.data_folder("runs") / name, f"{remote_run.RUNS}/{name}"
    target = kernel.host.resolve_target()
    with tempfile.TemporaryDirectory(dir=paths.data_folder()) as scratch:
        fetched, arriving = Path(scratch) / "fetched", Path(scratch) / name
        private.create_folder(fetched)
        private.create_folder(arriving)
        for file, size in _FILES.items():
            to = (fetched if file == log.FILE_NAME else arriving) / file
            blocking.wait_for(sftp.download_file(target, f"{there}/{file}", to, max_bytes=size))
        remote_origin.adopt(arriving, kernel.host.to_json(), there)
        recorder.write_recipe(arriving, _copy_log(fetched / log.FILE_NAME, arriving).recipe)
        arriving.rename(folder)
    run = Run(folder)
    if run.state.ended:
        remote_run.fetch_results(run.record)
    return run


def _copy_log(path: Path, folder: Path) -> RunState:
    """Write the valid events of a fetched log into the folder of a run; return the state."""
    state = RunState()
    with LogWriter(folder) as writer:
        for event in log.read_log_of_host(path):
            writer.append(event)
            state = state.apply(event)
    return state
