"""Upload and download of files, as `%sync` does it."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from dl_magics.actions.gpu import host, notebook_kernel, sync_paths
from dl_magics.actions.gpu.sync_paths import Direction
from dl_magics.errors import WrongState
from dl_magics.ssh import blocking
from dl_magics.ssh.target import SshTarget
from dl_magics.store import lock
from dl_magics.sync import download, upload
from dl_magics.sync.diff import SyncPlan
from dl_magics.sync.names import printable
from dl_magics.sync.progress import SyncProgress
from dl_magics.sync.spec import SyncJob

_SHOWN = 8


def resolve_target() -> SshTarget:
    """Return the SSH target of the connected host, or of the selected instance."""
    if notebook_kernel.is_connected():
        return notebook_kernel.current().host.resolve_target()
    return host.resolve().resolve_target()


def remote_path(path: str) -> str:
    """Return the path on the host for a local path, below the home folder."""
    return sync_paths.same_path_there(path)


def make_job(direction: Direction, path: str, to: str | None = None) -> SyncJob:
    """Return the job for a file or folder; the rule for paths is in `sync_paths`."""
    return sync_paths.make_job(resolve_target(), direction, path, to)


def plan_job(direction: Direction, job: SyncJob) -> SyncPlan:
    """Return what the job would change."""
    side = upload.plan_upload if direction == "up" else download.plan_download
    return blocking.wait_for(side(job))


def describe_difference(path: str) -> str:
    """Describe how a local folder differs from the same folder on the host; "" if it does not.

    Names and sizes are compared, not times or contents.
    """
    if not Path(path).expanduser().is_dir():
        return ""
    what = make_job("up", path)
    changed, gone = blocking.wait_for(upload.count_differences(what))
    counts = [f"{_files(changed)} new or changed here"] if changed else []
    counts += [f"{_files(gone)} only there"] if gone else []
    more = " --delete" if gone else ""
    if not counts:
        return ""
    return (
        f"{path} is not the same here and on {what.login.name}: {', '.join(counts)}.\n"
        f"The run takes what is there. To send yours first: interrupt, %sync up {path}{more}"
    )


def _files(n: int) -> str:
    return "1 file is" if n == 1 else f"{n:,} files are"


def delete_question(direction: Direction, names: Sequence[bytes], job: SyncJob) -> str:
    """Return the question to confirm before these files are deleted."""
    return f"Deletes {len(names)} in {job.ends[direction == 'up']}: {_some(names)}"


def replace_question(direction: Direction, names: Sequence[bytes], job: SyncJob) -> str:
    """Return the question to confirm before a file replaces a folder, or a folder a file."""
    return f"Replaces {len(names)} of another type in {job.ends[direction == 'up']}: {_some(names)}"


def allow(job: SyncJob, *, delete: Sequence[bytes] = (), replaced: Sequence[bytes] = ()) -> SyncJob:
    """Return the same job with the names that may be deleted or replaced."""
    return replace(job, delete=frozenset(delete), replace=frozenset(replaced))


def run_job(direction: Direction, job: SyncJob) -> Generator[SyncProgress, None, None]:
    """Transfer changed files; yield the progress, and at the end the summary.

    Raises
    ------
    WrongState
        If another sync on this computer writes to the same folder.
    """
    busy = WrongState(
        f"Another %sync {direction} to {job.ends[direction == 'up']} is in progress.",
        fix="Wait until it has finished, then run the same line again.",
    )
    # The staging folder is shared by all syncs to a folder.
    target = f"{job.login.alias}:{job.folder}" if direction == "up" else str(job.root)
    with lock.hold(
        f"sync-{hashlib.sha256(target.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}",
        otherwise=busy,
    ):
        yield from blocking.iterate_over(
            upload.upload_files(job) if direction == "up" else download.download_files(job)
        )


def _some(names: Sequence[bytes]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(printable, names[:_SHOWN])) + more
