"""The events of a run on a remote host: from the journal of its GPU kernel, else from its log."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from dl_magics.actions.gpu.host import SshHost
from dl_magics.errors import (
    DLMagicsError,
    KernelDied,
    NoAnswer,
    NoSuchRun,
    OutputLost,
    TrainingFailed,
    WrongState,
)
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.remote_code import kernel_call
from dl_magics.runs import log, remote_origin
from dl_magics.runs.events import Event, RunEnded, parse_event, report_invalid
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.ssh import blocking, sftp
from dl_magics.training.kernel_entry import EVENT

Events = Generator[Event, None, None]


def receive_events(origin: RemoteOrigin, kernel: GpuKernel, folder: Path, *, since: int) -> Events:
    """Yield the events after number `since`, and new ones until the request ends.

    What the journal lacks, as no agent recorded it, comes from the log on the host. A message that
    is not a valid event is reported by a warning in its place. The run is then marked as complete;
    an error of the link says nothing about it, and leaves it as it is.
    """
    n, is_log_whole = since, True
    with closing(_receive(origin, kernel, folder)) as events:
        for event in events:
            if event.n > n + 1 and is_log_whole:
                for each in _read_remote_log(origin):
                    if n < each.n < event.n:
                        yield each
                        n = each.n
                # A host that skips numbers is not asked again and again.
                is_log_whole = event.n == n + 1
            if event.n > n:
                yield event
                n = event.n


def read_log(origin: RemoteOrigin, folder: Path, *, since: int) -> Events:
    """Yield the events after number `since` in the log on the host.

    The run is marked as complete if it has ended there.
    """
    last = None
    for last in _read_remote_log(origin):
        if last.n > since:
            yield last
    if isinstance(last, RunEnded):
        remote_origin.save(folder, replace(origin, is_complete=True))


def require_log(origin: RemoteOrigin, folder: Path) -> None:
    """Raise NoSuchRun where the host has no log of the run (any more); it does not go on then.

    A host that does not answer says nothing about it.
    """
    with suppress(NoAnswer, WrongState):
        if find_log(origin) is None:
            remote_origin.save(folder, replace(origin, kernel_died=True, is_complete=True))
            run, host = folder.name, origin.host["name"]
            raise NoSuchRun(
                f"{host} has no run {run} (any more): it was replaced, the folder of the run was "
                "deleted, or the run did not begin.",
                fix=f"%finetune --resume {run} continues it where its images are · "
                f"%runs --delete {run} deletes what is here.",
            )


def find_log(origin: RemoteOrigin) -> str | None:
    """Return the path of the log of a run on its host; None where there is none."""
    target = SshHost.from_json(origin.host).resolve_target()
    return blocking.wait_for(sftp.resolve_path(target, f"{origin.run_folder}/{log.FILE_NAME}"))


def _receive(origin: RemoteOrigin, kernel: GpuKernel, folder: Path) -> Events:
    n = 0
    failure: DLMagicsError | None = None
    try:
        for message in kernel.resume(origin.msg_id, origin.since):
            failure = failure or kernel_call.find_failure(message)
            if message["header"]["msg_type"] != EVENT:
                continue
            try:
                event = parse_event(message["content"])
            except ValueError as error:
                event = report_invalid(error, n + 1)
            n = event.n
            yield event
    except (KernelDied, OutputLost) as error:
        failure = error
    if isinstance(failure, KernelDied):
        origin = replace(origin, kernel_died=True)
        remote_origin.save(folder, origin)
        # The disk of a stopped instance is read after its next start.
        with suppress(NoAnswer, WrongState):
            yield from _read_remote_log(origin)
            remote_origin.save(folder, replace(origin, is_complete=True))
        raise failure
    if isinstance(failure, OutputLost):
        require_log(origin, folder)
        failure = yield from _read_unrecorded(origin, failure)
    remote_origin.save(folder, replace(origin, is_complete=True))
    if failure:
        raise failure


def _read_unrecorded(
    origin: RemoteOrigin, lost: OutputLost
) -> Generator[Event, None, DLMagicsError | None]:
    """Yield the events of a run that ended while no agent recorded them; return its error."""
    last = None
    for last in _read_remote_log(origin):
        yield last
    if not isinstance(last, RunEnded) or last.status == "interrupted":
        return lost
    if last.status == "failed":
        return TrainingFailed(last.error, fix=last.fix or lost.fix)
    return None


def _read_remote_log(origin: RemoteOrigin) -> Iterator[Event]:
    """Yield the events in the log on the host: the last ones may not be in the journal."""
    with tempfile.TemporaryDirectory() as scratch:
        target = SshHost.from_json(origin.host).resolve_target()
        path = f"{origin.run_folder}/{log.FILE_NAME}"
        if find_log(origin) is None:
            return
        copy = Path(scratch) / log.FILE_NAME
        blocking.wait_for(sftp.download_file(target, path, copy, max_bytes=log.MAX_BYTES))
        yield from log.read_log_of_host(copy)
