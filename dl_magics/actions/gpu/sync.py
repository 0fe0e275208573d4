"""Files that go there, and files that come from there."""

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
    """Return where a path of this computer lies there, below the home folder."""
    return str(_same_there(path, Path(path).expanduser()))


def make_job(direction: Direction, path: str, to: str | None = None) -> SyncJob:
    """Return what goes from where to where.

    A relative path is the same on both sides: from the folder of the notebook here, from the home
    folder there. An absolute one lands under its name.

    Raises
    ------
    NoSuchFile
        where nothing of that name is here.
    """
    return _up(path, to) if direction == "up" else _down(path, to)


def list_surplus(direction: Direction, job: SyncJob) -> tuple[bytes, ...]:
    """Return what lies where it goes to, and not where it comes from."""
    side = upload if direction == "up" else download
    return tuple(blocking.wait_for(side.list_surplus(job)))


def describe_difference(path: str) -> str:
    """Say that a folder of this computer holds other files there; "" where it does not.

    Names and sizes count. One that is not here, or not there, is like any other.
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
    """Return what to ask before these are deleted."""
    target = job.ends[direction == "up"]
    shown = ", ".join(map(decode_name, names[:_SHOWN]))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"Deletes {len(names)} in {target}: {shown}{more}"


def with_deletions(job: SyncJob, names: tuple[bytes, ...]) -> SyncJob:
    """Return the same job with what may be deleted."""
    return replace(job, delete=frozenset(names))


def run_job(direction: Direction, job: SyncJob) -> Iterator[SyncProgress]:
    """Bring over what changed; yield how far it has come, and at last what was done.

    Raises
    ------
    WrongState
        where another one of this computer brings files to the same folder.
    """
    busy = WrongState(
        f"Another %sync {direction} to {job.ends[direction == 'up']} is in progress.",
        fix="Wait until it has finished, then run the same line again.",
    )
    # What is on its way to a folder lies in it, whatever the names.
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
    meant = PurePosixPath(posixpath.normpath(Path(path).as_posix()))
    if source.is_absolute() or path.startswith("~") or ".." in meant.parts:
        return PurePosixPath(source.resolve().name)
    if meant == PurePosixPath("."):
        return PurePosixPath(source.resolve().name)
    return meant


def _inside_home(path: str) -> PurePosixPath:
    """Return a path there; the home folder is where commands begin."""
    return PurePosixPath(posixpath.normpath(path.removeprefix("~/") or "."))
