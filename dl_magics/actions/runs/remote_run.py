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
from dl_magics.errors import DLMagicsError, KernelDied, NoAnswer, WrongState
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.remote_code import kernel_call
from dl_magics.runs import log, remote_origin
from dl_magics.runs.events import Event, RunEnded, parse_event
from dl_magics.runs.log import LogWriter
from dl_magics.runs.record import RunRecord
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.ssh import blocking, sftp
from dl_magics.training import load_check
from dl_magics.training.engine.pipeline import MODEL
from dl_magics.training.kernel_entry import EVENT

RUNS = ".dl_magics/runs"
"""The folder of all runs on a host, relative to the home folder."""

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

    It ends, without an error, where the GPU kernel ended or the instance is stopped.
    """
    origin = remote_origin.load(record.folder)
    if origin is None or origin.is_complete:
        return
    with suppress(KernelDied, WrongState), closing(_attach_kernel(origin)) as kernel:
        yield from catch_up(record, origin, kernel, stop)


def fetch_results(record: RunRecord) -> None:
    """Fetch the files of a run that has ended on its host."""
    if origin := remote_origin.load(record.folder):
        remote_files.fetch_files(origin, record.folder, record.state)
        remote_origin.save(record.folder, replace(origin, is_complete=True))


def _attach_kernel(origin: RemoteOrigin) -> GpuKernel:
    """Return the GPU kernel that trains, with a connection of its own."""
    find = SshHost.from_json(origin.host).authorize_and_resolve
    return GpuKernel.attach(find, origin.kernel_folder, origin.python, activate=origin.activate)


def _copy_events(record: RunRecord, origin: RemoteOrigin, kernel: GpuKernel) -> Events:
    folder, state = record.folder, record.refresh()
    fetched: set[str] = set()
    if state.ended:
        fetched |= remote_files.fetch_files(origin, folder, state)
    with LogWriter(folder) as writer, closing(_receive(origin, kernel, folder)) as events:
        for event in events:
            if event.n <= state.n:
                continue
            writer.append(event)
            state = state.apply(event)
            if isinstance(event, RunEnded):
                fetched |= remote_files.fetch_files(origin, folder, state)
            yield event
    if MODEL in fetched:
        load_check.check_loads(folder / MODEL, state.versions)


def _receive(origin: RemoteOrigin, kernel: GpuKernel, folder: Path) -> Events:
    """Yield the events in the journal of the GPU kernel, then new ones until the request ends."""
    try:
        for message in kernel_call.checked_messages(kernel.resume(origin.msg_id, origin.since)):
            if message["header"]["msg_type"] == EVENT:
                yield parse_event(message["content"])
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
                target, f"{origin.run_folder}/{log.FILE_NAME}", Path(scratch) / log.FILE_NAME
            )
        )
        yield from log.read_events(Path(scratch))
