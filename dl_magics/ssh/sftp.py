"""Small files to an instance and back, whole or not at all."""

from __future__ import annotations

import posixpath
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dl_magics.errors import NoAnswer
from dl_magics.ssh import blocking, connection
from dl_magics.ssh.target import SshTarget
from dl_magics.store import atomic

if TYPE_CHECKING:
    import asyncssh

T = TypeVar("T")
_TIMES = 3


def upload_once(login: SshTarget, file: Path, folder: str, name: str = "") -> str:
    """Put a file whose name tells its content into a folder there; return its absolute path."""
    return _patiently(lambda: _put_once(login, file, folder, name or file.name))


def upload_file(login: SshTarget, file: Path, folder: str) -> str:
    """Put a file under a new name into a folder there; return its absolute path."""
    return _patiently(lambda: _put(login, file, folder))


def download_file(login: SshTarget, path: str, to: Path, *, remove: bool = False) -> None:
    """Fetch a file from there under a temporary name, then give it its own."""
    _patiently(lambda: _fetch(login, path, to, remove))


def _patiently(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do what may be done twice once more where the connection broke in the middle."""
    for again in range(_TIMES - 1):
        try:
            return blocking.wait_for(work())
        except NoAnswer:
            time.sleep(again + 0.5)
    return blocking.wait_for(work())


async def create_empty_file(login: SshTarget, path: str) -> None:
    """Make an empty file there."""
    async with _sftp(login) as sftp, sftp.open(path, "a"):
        pass


def resolve_path(login: SshTarget, path: str) -> str | None:
    """Return the absolute path of what is there under this path; None if nothing is."""
    return _patiently(lambda: _absolute(login, path))


async def _absolute(login: SshTarget, path: str) -> str | None:
    async with _sftp(login) as sftp:
        there = await sftp.exists(path)
        found = str(await sftp.realpath(path))
    return found if there else None


async def _put_once(login: SshTarget, file: Path, folder: str, name: str) -> str:
    async with _sftp(login) as sftp:
        path = posixpath.join(await _made(sftp, folder), name)
        if not await sftp.exists(path):
            await _written(sftp, file, path)
    return path


async def _put(login: SshTarget, file: Path, folder: str) -> str:
    async with _sftp(login) as sftp:
        path = posixpath.join(await _made(sftp, folder), f"{uuid.uuid4().hex}{file.suffix}")
        await _written(sftp, file, path)
    return path


async def _fetch(login: SshTarget, path: str, to: Path, remove: bool) -> None:
    async with _sftp(login) as sftp:
        with atomic.replacing(to) as unfinished:
            await sftp.get(path, unfinished)
        if remove:
            await sftp.remove(path)


@asynccontextmanager
async def _sftp(login: SshTarget) -> AsyncIterator[asyncssh.SFTPClient]:
    there = await connection.connect_shared(login)
    with connection.translate_errors(login):
        async with there.start_sftp_client() as sftp:
            yield sftp


async def _made(sftp: asyncssh.SFTPClient, folder: str) -> str:
    """Make a folder that only its owner reads, and return its absolute path."""
    await sftp.makedirs(folder, exist_ok=True)
    return str(await sftp.realpath(folder))


async def _written(sftp: asyncssh.SFTPClient, file: Path, path: str) -> None:
    """Write under another name first; a full disk leaves nothing under the final one."""
    import asyncssh

    beside = f"{path}.{uuid.uuid4().hex[:8]}.part"
    try:
        await sftp.put(file, beside)
        await sftp.posix_rename(beside, path)
    except (asyncssh.SFTPFailure, asyncssh.SFTPNoSpaceOnFilesystem) as error:
        raise NoAnswer(
            f"{file.name} could not be written there: {error}. Is the disk full?",
            fix="%aws_ssh df -h . shows the room there is.",
        ) from error
