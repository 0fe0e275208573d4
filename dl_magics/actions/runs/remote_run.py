"""A run that trains on a remote host: copy its events as they come, and its files at the end.

`remote_origin.json` in the run's folder leads back to it from another cell, kernel or day. One
process at a time copies; the others read the log that it writes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs import remote_files, remote_stop
from dl_magics.actions.runs.elsewhere import checkpoint_copy
from dl_magics.errors import DLMagicsError, KernelDied, NoAnswer, NoSuchInstance, WrongState
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.remote_code import kernel_call
from dl_magics.runs import log, remote_origin
from dl_magics.runs.events import Event, RunEnded, parse_event, report_invalid
from dl_magics.runs.log import LogWriter
from dl_magics.runs.record import RunRecord
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.runs.state import RunState
from dl_magics.ssh import blocking, sftp
from dl_magics.training.engine.pipeline import MODEL
from dl_magics.training.kernel_entry import EVENT
from dl_magics.training.loading import load_check
from dl_magics.training.loading.load_check import LoadCheck

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
    NotLoadable
        at the end, where the local Keras cannot load the model.
    """
    with remote_stop.forwarding(record.folder, origin, stop):
        yield from _copy_events(record, origin, kernel)


def copy_rest(record: RunRecord, stop: Callable[[], bool]) -> Events:
    """Reconnect to the kernel of a run that is not completely copied; yield the missing events.

    It ends, without an error, where the GPU kernel ended or the instance is stopped or gone.
    """
    origin = remote_origin.load(record.folder)
    if origin is None or origin.is_complete:
        return
    try:
        with suppress(KernelDied), closing(_attach_kernel(origin)) as kernel:
            yield from catch_up(record, origin, kernel, stop)
    except (WrongState, NoSuchInstance):
        remote_origin.mark_kernel_died(record.folder)


def fetch_results(record: RunRecord) -> None:
    """Fetch the files of a run that has ended on its host.

    Raises NotLoadable, after all is copied, where the local Keras cannot load the model.
    """
    if origin := remote_origin.load(record.folder):
        with LoadCheck() as check:
            _fetch_files(origin, record.folder, record.state, check)
            remote_origin.save(record.folder, replace(origin, is_complete=True))
            _check_model(record.folder, record.state, check)


def _attach_kernel(origin: RemoteOrigin) -> GpuKernel:
    """Return the GPU kernel that trains, with a connection of its own."""
    find = SshHost.from_json(origin.host).authorize_and_resolve
    return GpuKernel.attach(find, origin.kernel_folder, origin.python, activate=origin.activate)


def _copy_events(record: RunRecord, origin: RemoteOrigin, kernel: GpuKernel) -> Events:
    folder, state = record.folder, record.refresh()
    with LoadCheck() as check:
        if state.ended:
            _fetch_files(origin, folder, state, check)
        with LogWriter(folder) as writer, closing(_receive(origin, kernel, folder)) as events:
            for event in events:
                if event.n <= state.n:
                    continue
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


def _receive(origin: RemoteOrigin, kernel: GpuKernel, folder: Path) -> Events:
    """Yield the events in the journal of the GPU kernel, then new ones until the request ends.

    A message that is not a valid event is reported by a warning in its place.
    """
    n = 0
    try:
        for message in kernel_call.checked_messages(kernel.resume(origin.msg_id, origin.since)):
            if message["header"]["msg_type"] != EVENT:
                continue
            try:
                event = parse_event(message["content"])
            except ValueError as error:
                event = report_invalid(error, n + 1)
            n = event.n
            yield event
    except KernelDied:
        remote_origin.save(folder, replace(origin, kernel_died=True))
        # The disk of a stopped instance is read after its next start.
        with suppress(NoAnswer, WrongState):
            yield from _read_remote_log(origin)
            remote_origin.save(folder, replace(origin, kernel_died=True, is_complete=True))
        raise
    except DLMagicsError:
        remote_origin.save(folder, replace(origin, is_complete=True))
        raise
    remote_origin.save(folder, replace(origin, is_complete=True))


def _read_remote_log(origin: RemoteOrigin) -> Iterator[Event]:
    """Yield the events in the log on the host: the last ones may not be in the journal."""
    with tempfile.TemporaryDirectory() as scratch:
        target = SshHost.from_json(origin.host).resolve_target()
        blocking.wait_for(
            sftp.download_file(
                target,
                f"{origin.run_folder}/{log.FILE_NAME}",
                Path(scratch) / log.FILE_NAME,
                max_bytes=log.MAX_BYTES,
            )
        )
        yield from log.read_log_of_host(Path(scratch) / log.FILE_NAME)
