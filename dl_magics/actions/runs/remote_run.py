"""A run that trains on a remote host: copy its events as they come, and its files at the end.

`remote_origin.json` in the run's folder leads back to it from another cell, kernel or day. One
process at a time copies; the others read the log that it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs import remote_files, remote_stop
from dl_magics.actions.runs.copying import remote_events
from dl_magics.actions.runs.elsewhere import checkpoint_copy, cut_off
from dl_magics.errors import ConnectionFailed, KernelDied, NoSuchInstance, NotTrained, WrongState
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.runs import remote_origin
from dl_magics.runs.events import Event, RunEnded
from dl_magics.runs.log import LogWriter
from dl_magics.runs.record import RunRecord
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.runs.state import RunState
from dl_magics.training.engine.pipeline import MODEL
from dl_magics.training.loading import load_check
from dl_magics.training.loading.load_check import LoadCheck
from dl_magics.training.run import Run

RUNS = ".dl_magics/runs"
"""The folder of all runs on a host, relative to the home folder."""

# A slow computer takes 20 s to import Keras. It is not done earlier: the memory would be held for
# as long as the run goes on.
_SECONDS_BEFORE_HEAD = 60.0

Events = Generator[Event, None, None]


def catch_up(
    record: RunRecord, origin: RemoteOrigin, kernel: GpuKernel, stop: Callable[[], bool]
) -> Events:
    """Append the events that are not in the local log yet, yield them, and fetch the model.

    A stop requested on this computer is passed on to the host.

    Raises
    ------
    KernelDied
        where the GPU kernel ended before the run; the log that it left on its disk is copied first.
    ConnectionFailed, WrongState
        where the host cannot be reached, or is stopped: the rest of the run is on it.
    NotLoadable
        at the end, where the local Keras cannot load the model.
    """
    with _naming_rest(record.folder, origin):
        yield from _copy(record, origin, kernel, stop)


def copy_rest(record: RunRecord, stop: Callable[[], bool]) -> Events:
    """Reconnect to the kernel of a run that is not completely copied; yield the missing events.

    It ends, without an error, where the GPU kernel was seen to end, or its instance is terminated.

    Raises
    ------
    KernelDied
        where the kernel cannot be reached, and the run goes on as far as its log on the host says.
    NoSuchRun
        where the host has neither: it was replaced, or the folder of the run was deleted.
    ConnectionFailed, WrongState
        where the host cannot be reached, or is stopped: the rest of the run is on it.
    """
    origin = remote_origin.load(record.folder)
    if origin is None or origin.is_complete:
        return
    folder = record.folder
    try:
        with (
            _naming_rest(folder, origin),
            _attach_kernel(folder, origin) as kernel,
            suppress(KernelDied),
        ):
            yield from _copy(record, origin, kernel, stop)
        if not record.refresh().ended:
            remote_events.require_log(origin, folder)
    except (WrongState, NoSuchInstance):
        if origin.kernel_died:
            return
        if not SshHost.from_json(origin.host).is_terminated():
            raise
        remote_origin.save(folder, replace(origin, kernel_died=True))


def fetch_results(record: RunRecord) -> None:
    """Fetch the files of a run on its host, if its log here has the end of the run.

    Raises NotLoadable, after all is copied, where the local Keras cannot load the model.
    """
    origin = remote_origin.load(record.folder)
    if origin and record.state.ended:
        with LoadCheck() as check:
            _fetch_files(origin, record.folder, record.state, check)
            remote_origin.save(record.folder, replace(origin, is_complete=True))
            _check_model(record.folder, record.state, check)


def fetch_missing(record: RunRecord) -> str:
    """Fetch the files of an ended run whose copies here are missing or damaged; say which, or "".

    Raises
    ------
    NotTrained
        where they were on an instance that is terminated.
    DLMagicsError
        where the host cannot be reached, or lacks them; and as `fetch_results` does.
    """
    folder, state, origin = record.folder, record.refresh(), remote_origin.load(record.folder)
    name = remote_files.find_missing(folder, state)
    if not (origin and origin.is_complete and name):
        return ""
    what, host = f"{name} of the run {folder.name}", SshHost.from_json(origin.host)
    try:
        host.resolve_target()
    except (NoSuchInstance, WrongState) as error:
        if not host.is_terminated():
            raise WrongState(
                f"{error} {what} is not here, or damaged.",
                fix=f"{error.fix} · then %attach {folder.name} fetches it.",
            ) from error
        raise NotTrained(
            f"{what} is not here, or damaged, and {host.name} is terminated.",
            fix=f"Put a copy of the file into {folder}, or run the cell of the run again.",
        ) from error
    fetch_results(record)
    return f"{what} was not here, or damaged: it was fetched from {host.name}."


@contextmanager
def _naming_rest(folder: Path, origin: RemoteOrigin) -> Iterator[None]:
    """Add to an error of the host that it has the rest of a run, and how to copy it."""
    try:
        yield
    except (ConnectionFailed, WrongState) as error:
        if remote_origin.is_complete(folder):  # an error of the run itself
            raise
        host = origin.host["name"]
        raise type(error)(
            f"{error} The rest of the run {folder.name} is on {host}.",
            fix=f"{error.fix} · once {host} can be reached: %attach {folder.name}",
        ) from error


@contextmanager
def _attach_kernel(folder: Path, origin: RemoteOrigin) -> Iterator[GpuKernel | None]:
    """Yield the GPU kernel that trains, with a connection of its own.

    None where there is none any more, or the interpreter starts no agent: the log is left. That is
    raised as KernelDied after the block, unless the log says that the run does not go on.
    """
    find = SshHost.from_json(origin.host).authorize_and_resolve
    try:
        kernel = GpuKernel.adopt(find, origin.kernel_folder, origin.python)
    except KernelDied:
        yield None
        remote_events.require_log(origin, folder)
        cut_off.check_hosts([Run(folder)])
        if remote_origin.is_running(folder):
            raise
        return
    with closing(kernel):
        yield kernel


def _copy(
    record: RunRecord, origin: RemoteOrigin, kernel: GpuKernel | None, stop: Callable[[], bool]
) -> Events:
    with remote_stop.forwarding(record.folder, origin, stop):
        yield from _copy_events(record, origin, kernel)


def _copy_events(record: RunRecord, origin: RemoteOrigin, kernel: GpuKernel | None) -> Events:
    folder, state = record.folder, record.refresh()
    with LoadCheck() as check:
        if state.ended:
            _fetch_files(origin, folder, state, check)
        receiving = (
            remote_events.receive_events(origin, kernel, folder, since=state.n)
            if kernel
            else remote_events.read_log(origin, folder, since=state.n)
        )
        with LogWriter(folder) as writer, closing(receiving) as events:
            for event in events:
                writer.append(event)
                state = state.apply(event)
                if is_near_end(state):
                    _prepare(check, state)
                checkpoint_copy.fetch_after(event, origin, folder)
                # Who watches it learns first that the run has ended: the files may be large.
                yield event
                if isinstance(event, RunEnded):
                    _fetch_files(origin, folder, state, check)
        _check_model(folder, state, check)


def _fetch_files(origin: RemoteOrigin, folder: Path, state: RunState, check: LoadCheck) -> None:
    """Fetch the files of a run that has ended, while Keras is imported to check its model."""
    if MODEL in state.files:
        _prepare(check, state)
    remote_files.fetch_files(origin, folder, state)


def is_near_end(state: RunState) -> bool:
    """Whether Keras is to be imported now, so that the check does not wait for it at the end."""
    if state.phase != "features":
        return bool(state.phase)
    return state.done == state.total or 0 < state.seconds_left < _SECONDS_BEFORE_HEAD


def _prepare(check: LoadCheck, state: RunState) -> None:
    if state.versions.get("backend") != "theano":
        check.prepare()


def _check_model(folder: Path, state: RunState, check: LoadCheck) -> None:
    if MODEL in state.files:
        load_check.check_fetched(folder, folder / MODEL, state.versions, check)
