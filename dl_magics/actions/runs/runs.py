"""The runs of this computer: create a folder for one, list, find, follow and stop them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dl_magics.actions.gpu import kernel_records, notebook_kernel
from dl_magics.actions.runs import remote_run, remote_runs, remote_stop
from dl_magics.actions.runs.elsewhere import cut_off
from dl_magics.actions.runs.run_table import Runs
from dl_magics.core.instance import Instance
from dl_magics.errors import DamagedRun, DLMagicsError, NoSuchRun, NotResumable, WrongState
from dl_magics.runs import log, remote_origin, stop_request, tag
from dl_magics.runs.events import Event
from dl_magics.runs.paths import list_newest_first
from dl_magics.runs.record import RunRecord
from dl_magics.runs.write_errors import translating_write_errors
from dl_magics.store import notebook_session, paths, private
from dl_magics.training import recorder
from dl_magics.training.engine import resume_point
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run

_MAX_NAME = 60


def create_folder(recipe: Recipe) -> Path:
    """Create the folder of a new run, for example `2026-11-22_235400_vgg16_dogscats`."""
    data = _slug(Path(recipe.data).absolute().name)
    name = f"{time.strftime('%Y-%m-%d_%H%M%S')}_{_slug(recipe.model_name)}_{data}".rstrip("_")
    parent = paths.data_folder("runs")
    for count in range(1, 1000):
        folder = parent / (name if count == 1 else f"{name}-{count}")
        try:
            with translating_write_errors(folder):
                private.create_folder(folder)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(parent / name)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:_MAX_NAME].strip("-")


def list_runs(part: str = "") -> Runs:
    """Return the runs whose name or tag contains `part`, newest first: local ones, then remote."""
    remote = remote_runs.list_remote_runs()
    names = tuple(name for name in remote.names if part in name)
    every = list_local_runs()
    ended = cut_off.check_hosts(every)
    local = (run for run in every if part in run.name or part in tag.read_tag(run.path))
    total = len(every) + len(remote.names)
    return Runs(local, replace(remote, names=names), part=part, total=total, ended=ended)


def list_local_runs() -> Runs:
    """Return the runs that have a folder on this computer, newest first."""
    return Runs(map(Run, list_newest_first(paths.data_folder("runs"))))


def list_open_runs(instance: Instance) -> list[Run]:
    """Return the runs that are interrupted if an instance is stopped or terminated now."""
    # No file of a run keeps an instance from being stopped.
    with suppress(DLMagicsError, OSError):
        return cut_off.list_open(list_local_runs(), instance)
    return []


def list_open_on_kernel() -> list[Run]:
    """Return the runs that are interrupted if the GPU kernel of this notebook ends now."""
    with suppress(DLMagicsError, OSError):
        if known := kernel_records.find_record(notebook_session.current()):
            kernel_id, record = known
            folder = notebook_kernel.build_run_dir(kernel_id)
            return cut_off.list_open_on_kernel(list_local_runs(), record.host["alias"], folder)
    return []


def find_run(part: str = "") -> Run:
    """Return the run with this name, this part of a name or this tag; the newest if it is empty.

    A run that is only on the connected host is fetched first.

    Raises
    ------
    NoSuchRun
        where no run or several runs match.
    """
    runs = list_local_runs()
    fitting = [run for run in runs if run.name == part] or [run for run in runs if part in run.name]
    if not fitting and part:
        fitting = [run for run in runs if tag.read_tag(run.path) == part]
    if not fitting and part and (imported := remote_runs.import_run(part)):
        return imported
    if not fitting:
        raise NoSuchRun(
            f"No run matches {part!r}." if part else "There are no runs yet.",
            fix="%runs lists them." if runs else "%%finetune data/dogscats creates one.",
        )
    if part and len(fitting) > 1:
        listed = ", ".join(run.name for run in fitting[:5])
        raise NoSuchRun(
            f"{len(fitting)} runs match {part!r}: {listed}",
            fix=f"Name one of them in full: {fitting[0].name}",
        )
    return fitting[0]


def list_resumable_names() -> list[str]:
    """Return the names of the interrupted runs, newest first."""
    return [run.name for run in list_local_runs() if _is_resumable(RunRecord(run.path))]


def find_resumable(part: str = "") -> Run:
    """Return the run that `find_run` returns; without a name, the newest interrupted one.

    Raises NoSuchRun where there is none, and says why the newest run is not.
    """
    if part:
        return find_run(part)
    listed = list_local_runs()
    cut_off.check_hosts(listed)
    for run in listed:
        if _is_resumable(run.record):
            return run
    raise _explain_no_resumable(listed[0] if listed else find_run())


def _explain_no_resumable(newest: Run) -> NoSuchRun:
    none = "There is no interrupted run"
    try:
        if newest.state.ended:
            resume_point.load_resume_point(newest.record)
    except (DamagedRun, NotResumable) as error:
        return NoSuchRun(f"{none}. {error}", fix=error.fix)
    return NoSuchRun(
        f"{none}; the newest, {newest.name}, goes on.", fix=f"%attach {newest.name} shows it."
    )


def _is_resumable(record: RunRecord) -> bool:
    try:
        state = record.snapshot()
        # Where its events were not copied, its host knows whether it began.
        may_have_begun = state.started_at or not remote_origin.is_complete(record.folder)
    except DamagedRun:
        return False
    return bool(may_have_begun) and state.status == "interrupted"


def follow(run: Run, sleep: Callable[[float], None] = time.sleep) -> Iterator[Event]:
    """Yield the events of a run from the first on, and new ones until it ends.

    If no other process copies the events of a remote run, this one does. A `RunEnded` is added if
    the run was killed. Between two looks at the log of another process `sleep(seconds)` is called.
    """
    if log.is_being_written(run.path) or remote_origin.is_complete(run.path):
        yield from run.record.follow(sleep)
        return
    run.record.refresh()
    yield from run.record.events
    yield from remote_run.copy_rest(run.record, recorder.never_stop)
    run.record.refresh()
    yield from run.record.missing_end()


def is_going_on(run: Run) -> bool:
    """Return whether a process of this computer trains it, or a host, as far as is known here."""
    return log.is_being_written(run.path) or remote_origin.is_running(run.path)


def stop_run(run: Run) -> None:
    """Ask a run to end as `request_stop` does; raise WrongState if it does not go on."""
    if not is_going_on(run) or run.state.ended:
        raise WrongState(
            f"The run {run.name} does not go on: it is {run.status}.",
            fix=f"%attach {run.name} shows it.",
        )
    if remote_origin.is_running(run.path):
        send_stop(run)
    else:
        request_stop(run)


def request_stop(run: Run) -> None:
    """Ask a run to end at its next batch and to keep its best weights, in whichever process."""
    stop_request.request_stop(run.path)


def send_stop(run: Run) -> bool:
    """Ask a run of a host to end, past the process that copies it; return whether that arrived."""
    request_stop(run)
    origin = remote_origin.load(run.path)
    return origin is not None and remote_stop.send_stop(origin)
