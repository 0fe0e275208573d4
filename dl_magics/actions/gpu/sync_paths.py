"""Which folders `%sync PATH --to TO` means: one rule for both directions, files and folders.

Without --to, a relative path is the same on both sides: in the notebook's folder here, in the
home folder there. `.` is the notebook's folder, there one of the same name. Any other path keeps
its last part only.

With --to, PATH becomes TO, as with `cp -r`; a folder that exists is merged, so that the same line
means the same again. PATH goes into TO under its own name where TO ends in `/`, is `.`, `..`, `~`
or `~user`, or where PATH is a file and TO is a folder. `PATH/` is the content of the folder, as
with `rsync`. A symbolic link named as PATH is followed.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Literal

from dl_magics.errors import BadSetting, NoSuchFile
from dl_magics.ssh import blocking
from dl_magics.ssh.target import SshTarget
from dl_magics.sync.names import printable
from dl_magics.sync.remote import shell
from dl_magics.sync.spec import SyncJob

Direction = Literal["up", "down"]
_USER_HOME = re.compile(r"~[A-Za-z_][\w.-]*(?=/|$)")
_INTO = ("", ".", "..")


def make_job(target: SshTarget, direction: Direction, path: str, to: str | None) -> SyncJob:
    """Return the job for a file or folder.

    Raises
    ------
    NoSuchFile
        If the path does not exist.
    BadSetting
        If a path is empty or has no name.
    """
    for given, what in ((path, "PATH"), (to, "--to")):
        if given is not None and not given.strip():
            raise BadSetting(
                f"{what} is empty: {given!r}",
                fix="Name a file or a folder; . is the notebook's folder.",
            )
    return _up(target, path, to) if direction == "up" else _down(target, path, to)


def same_path_there(path: str) -> str:
    """Return the path on the host for a local path, below the home folder."""
    source = _expand(path)
    normal = PurePosixPath(Path(path).as_posix())
    if _is_same_on_both_sides(path, normal) and normal != PurePosixPath("."):
        return str(normal)
    return _own_name(path, source)


def _up(target: SshTarget, path: str, to: str | None) -> SyncJob:
    source = _expand(path)
    _check_exists(path, source)
    real = source.resolve()
    there = same_path_there(path) if to is None else _there(to)
    if to is not None:
        found = None
        if _USER_HOME.match(there) or not (source.is_dir() or _is_into(to)):
            found = blocking.wait_for(shell.locate(target, there))
        goes_into = found is not None and found.kind == "folder" and not source.is_dir()
        if (_is_into(to) and not (source.is_dir() and path.endswith("/"))) or goes_into:
            there = posixpath.join(there, _own_name(path, source))
    if source.is_dir():
        return SyncJob(target, real, there)
    folder, name = posixpath.split(there)
    return SyncJob(target, real.parent, folder or ".", (name,), real.name)


def _down(target: SshTarget, path: str, to: str | None) -> SyncJob:
    normal = PurePosixPath(path)
    is_here = normal == PurePosixPath(".")
    there = same_path_there(path) if is_here else _there(path)
    found = blocking.wait_for(shell.locate(target, there))
    if found.kind == "none":
        raise NoSuchFile(
            f"{target.name}:{printable(there)} does not exist on the host.",
            fix="%aws_ssh ls lists your home folder on the host.",
        )
    name = posixpath.basename(there.rstrip("/"))
    if name in _INTO or _USER_HOME.fullmatch(name):
        name = posixpath.basename(found.path)
    is_folder = found.kind == "folder"
    if to is None:
        local = Path(normal) if _is_same_on_both_sides(path, normal) else Path(name)
    else:
        local = _expand(to)
        contents = is_folder and path.endswith("/")
        is_there = os.path.isdir(local)  # noqa: PTH112 (False also where it cannot be read)
        if (_is_into(to) and not contents) or (not is_folder and is_there):
            local /= name
    if not (name or local.name):
        raise _nameless(path)
    if is_folder:
        return SyncJob(target, Path.cwd() / local, there)
    if found.is_link:
        there = found.path
    folder, there_name = posixpath.split(there)
    local = Path.cwd() / local
    return SyncJob(target, local.parent, folder or ".", (there_name,), local.name)


def _check_exists(path: str, source: Path) -> None:
    try:
        source.stat()
    except FileNotFoundError:
        raise NoSuchFile(
            f"There is no file or folder '{printable(path)}' in {printable(str(Path.cwd()))}.",
            fix="Relative paths start in the notebook's folder.",
        ) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise NoSuchFile(
            f"'{printable(path)}' cannot be read: {why}.",
            fix="Name another file or folder.",
        ) from error


def _is_same_on_both_sides(path: str, normal: PurePosixPath) -> bool:
    return not (normal.is_absolute() or Path(path).is_absolute()) and not (
        path.startswith("~") or ".." in normal.parts
    )


def _there(path: str) -> str:
    """Return a path on the host; a relative one starts in the home folder."""
    if path == "~" or path.startswith("~/"):
        path = path[1:].lstrip("/")
    return str(PurePosixPath(path))


def _is_into(to: str) -> bool:
    last = to.replace("\\", "/").rpartition("/")[2]
    return last in _INTO or to == "~" or bool(_USER_HOME.fullmatch(to))


def _expand(path: str) -> Path:
    # pathlib would take ./~ for ~.
    expanded = os.path.expanduser(path)  # noqa: PTH111
    if expanded.startswith("~"):
        raise NoSuchFile(
            f"There is no home folder for {printable(path.partition('/')[0])} on this computer.",
            fix=f"For a file whose name begins with ~: ./{printable(path)}",
        )
    return Path(expanded)


def _own_name(path: str, source: Path) -> str:
    """Return the last part of a local path, also of `.` and `..`."""
    name = source.name if source.name not in _INTO else source.resolve().name
    if not name:
        raise _nameless(path)
    return name


def _nameless(path: str) -> BadSetting:
    return BadSetting(
        f"{printable(path)} has no name that the copy could have.",
        fix="Name a folder in it, or the destination with --to",
    )
