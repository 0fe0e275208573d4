"""Upload and download of files, as `%sync` does it."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal

from dl_magics.actions.gpu import host, notebook_kernel
from dl_magics.errors import BadSetting, NoSuchFile, WrongState
from dl_magics.ssh import blocking
from dl_magics.ssh.target import SshTarget
from dl_magics.store import lock
from dl_magics.sync import download, upload
from dl_magics.sync.progress import SyncProgress, decode_name
from dl_magics.sync.spec import SyncJob

Direction = Literal["up", "down"]
_SHOWN = 8


def resolve_target() -> SshTarget:
    """Return the SSH target of the connected host, or of the selected instance."""
    if notebook_kernel.is_connected():
        return notebook_kernel.current().host.resolve_target()
    return host.resolve().resolve_target()


def remote_path(path: str) -> str:
    """Return the path on the host for a local path, below the home folder."""
    return str(_same_there(path, Path(path).expanduser()))


def make_job(direction: Direction, path: str, to: str | None = None) -> SyncJob:
    """Return the job for a file or folder.

    A relative path is the same on both sides: relative to the notebook's folder locally and to the
    home folder on the host. For an absolute path, only its last part is kept.

    Raises
    ------
    NoSuchFile
        If the local path does not exist.
    """
    return _up(path, to) if direction == "up" else _down(path, to)


def list_surplus(direction: Direction, job: SyncJob) -> tuple[bytes, ...]:
    """Return the names that exist at the destination, but not at the source."""
    side = upload if direction == "up" else download
    return tuple(blocking.wait_for(side.list_surplus(job)))


def describe_difference(path: str) -> str:
    """Describe how a local folder differs from the same folder on the host; "" if it does not.

    Names and sizes are compared, not times or contents.
    """
    if not Path(path).expanduser().is_dir():
        return ""
    what = _up(path, None)
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


def delete_question(direction: Direction, names: tuple[bytes, ...], job: SyncJob) -> str:
    """Return the question to confirm before these files are deleted."""
    target = job.ends[direction == "up"]
    shown = ", ".join(map(decode_name, names[:_SHOWN]))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"Deletes {len(names)} in {target}: {shown}{more}"


def with_deletions(job: SyncJob, names: tuple[bytes, ...]) -> SyncJob:
    """Return the same job with the names that may be deleted."""
    return replace(job, delete=frozenset(names))


def run_job(direction: Direction, job: SyncJob) -> Iterator[SyncProgress]:
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
    with lock.hold(f"sync-{hashlib.sha256(target.encode()).hexdigest()[:16]}", otherwise=busy):
        yield from blocking.iterate_over(
            upload.upload_files(job) if direction == "up" else download.download_files(job)
        )


def _up(path: str, to: str | None) -> SyncJob:
    source = Path(path).expanduser()
    if not source.exists():
        raise NoSuchFile(
            f"There is no file or folder '{path}' in {Path.cwd()}.",
            fix="Relative paths start in the notebook's folder.",
        )
    landing = _inside_home(to) if to else _same_there(path, source)
    if source.is_dir():
        return SyncJob(resolve_target(), source.resolve(), str(landing))
    if to and to.endswith("/"):
        landing = landing / source.name
    if landing.name != source.name:
        raise BadSetting(
            f"--to '{to}' renames a file, which %sync does not do.",
            fix=f"Name a folder: --to '{to}/'",
        )
    return SyncJob(resolve_target(), source.resolve().parent, str(landing.parent), (source.name,))


def _down(path: str, to: str | None) -> SyncJob:
    source = _inside_home(path)
    relative = not source.is_absolute() and ".." not in source.parts
    target = Path(to).expanduser() if to else Path(*source.parts if relative else [source.name])
    return SyncJob(resolve_target(), Path.cwd() / target, str(source))


def _same_there(path: str, source: Path) -> PurePosixPath:
    normal = PurePosixPath(posixpath.normpath(Path(path).as_posix()))
    if source.is_absolute() or path.startswith("~") or ".." in normal.parts:
        return PurePosixPath(source.resolve().name)
    if normal == PurePosixPath("."):
        return PurePosixPath(source.resolve().name)
    return normal


def _inside_home(path: str) -> PurePosixPath:
    """Return a path relative to the home folder of the host."""
    return PurePosixPath(posixpath.normpath(path.removeprefix("~/") or "."))
