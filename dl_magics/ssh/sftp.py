"""Transfer single files over SFTP. A file appears under its name when all of it has arrived."""

from __future__ import annotations

import asyncio
import errno
import posixpath
import stat
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dl_magics.errors import CommandFailed, DiskFull, NoAnswer
from dl_magics.ssh import connection
from dl_magics.ssh.retry import retry
from dl_magics.ssh.target import SshTarget
from dl_magics.store import atomic, private

if TYPE_CHECKING:
    import asyncssh

MAX_BYTES = 64 * 2**30
"""The size up to which a file is downloaded."""

_OURS = (".dl_magics", ".dlm")
"""Our folders in the home folder of a host: no other user may enter them."""

_CHUNK = 8 * 2**20
_FOLDER_MODE, _FILE_MODE = private.FOLDER_MODE, private.FILE_MODE


async def upload_once(target: SshTarget, source: Path | bytes, folder: str, name: str = "") -> str:
    """Upload a file unless one of this name exists; return its absolute path on the host.

    Use it for names that change with the content, such as one with a checksum in it.

    Parameters
    ----------
    target
        The host.
    source
        A local file, or the content itself.
    folder
        A folder on the host; a relative path starts in the home folder.
    name
        The name on the host: by default that of the local file, and required for content.
    """
    name = name or (source.name if isinstance(source, Path) else "")

    async def attempt() -> str:
        async with _open_sftp(target) as sftp:
            path = posixpath.join(await _make_folder(sftp, folder), name)
            if not await sftp.exists(path):
                await _write(sftp, source, path)
        return path

    return await retry(attempt)


async def replace_file(target: SshTarget, file: Path, folder: str) -> None:
    """Upload a file under its own name, in place of one that is there."""

    async def attempt() -> None:
        async with _open_sftp(target) as sftp:
            path = posixpath.join(await _make_folder(sftp, folder), file.name)
            await _write(sftp, file, path)

    await retry(attempt)


async def upload_file(target: SshTarget, file: Path, folder: str) -> str:
    """Upload a file under a new random name; return its absolute path on the host."""

    async def attempt() -> str:
        async with _open_sftp(target) as sftp:
            name = f"{uuid.uuid4().hex}{file.suffix}"
            path = posixpath.join(await _make_folder(sftp, folder), name)
            await _write(sftp, file, path)
        return path

    return await retry(attempt)


async def download_file(
    target: SshTarget, path: str, to: Path, *, remove: bool = False, max_bytes: int = MAX_BYTES
) -> None:
    """Download a file to the local path `to`; with `remove`, delete it on the host afterwards.

    Raises
    ------
    CommandFailed
        if the host sends more than `max_bytes`.
    DiskFull
        if the file does not fit on the disk of this computer.
    """

    async def attempt() -> None:
        async with _open_sftp(target) as sftp:
            with atomic.replacing(to) as unfinished:
                async with sftp.open(path, "rb", encoding=None) as file:
                    await _read(file, unfinished, max_bytes)
            if remove:
                await sftp.remove(path)

    await retry(attempt)


async def create_empty_file(target: SshTarget, path: str) -> None:
    """Create an empty file; one that exists keeps its content."""
    import asyncssh

    mode = asyncssh.SFTPAttrs(permissions=_FILE_MODE)
    async with _open_sftp(target) as sftp, sftp.open(path, "a", mode):
        pass


async def resolve_path(target: SshTarget, path: str) -> str | None:
    """Return the absolute path of a file or folder on the host; None if it does not exist."""

    async def attempt() -> str | None:
        async with _open_sftp(target) as sftp:
            return str(await sftp.realpath(path)) if await sftp.exists(path) else None

    return await retry(attempt)


@asynccontextmanager
async def _open_sftp(target: SshTarget) -> AsyncIterator[asyncssh.SFTPClient]:
    shared = await connection.connect_shared(target)
    with connection.translate_errors(target):
        async with shared.start_sftp_client() as sftp:
            yield sftp


async def _make_folder(sftp: asyncssh.SFTPClient, folder: str) -> str:
    """Create a private folder unless it exists, close ours; return its absolute path."""
    import asyncssh

    mode = asyncssh.SFTPAttrs(permissions=_FOLDER_MODE)
    await sftp.makedirs(folder, mode, exist_ok=True)
    top = folder.partition("/")[0]
    if top in _OURS and stat.S_IMODE((await sftp.stat(top)).permissions or 0) != _FOLDER_MODE:
        await sftp.chmod(top, _FOLDER_MODE)
    return str(await sftp.realpath(folder))


async def _read(file: asyncssh.SFTPClientFile, to: Path, max_bytes: int) -> None:
    """Read a remote file into a local one. What it says of its size need not be true."""
    size = 0
    with to.open("r+b") as local:
        while block := cast(bytes, await file.read(_CHUNK)):
            size += len(block)
            if size > max_bytes:
                raise CommandFailed(
                    f"The host sends more than {max_bytes:,} bytes for {to.suffix or 'a file'}.",
                    fix="Check the files of the run on the host: "
                    "%aws_ssh ls -l .dl_magics/runs .dl_magics/values",
                )
            try:
                await asyncio.to_thread(local.write, block)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise DiskFull(
                    f"The disk of this computer is full: {to.parent}",
                    fix="Free some space and run the same line again.",
                ) from error


async def _write(sftp: asyncssh.SFTPClient, source: Path | bytes, path: str) -> None:
    """Write a private file under a temporary name and rename it, so that `path` is complete."""
    import asyncssh

    unfinished = f"{path}.{uuid.uuid4().hex[:8]}.part"
    mode = asyncssh.SFTPAttrs(permissions=_FILE_MODE)
    try:
        async with sftp.open(unfinished, "wb", mode) as file:
            if isinstance(source, bytes):
                await file.write(source)
        if isinstance(source, Path):
            await sftp.put(source, unfinished)
        await sftp.posix_rename(unfinished, path)
    except (asyncssh.SFTPFailure, asyncssh.SFTPNoSpaceOnFilesystem) as error:
        raise NoAnswer(
            f"{posixpath.basename(path)} could not be written on the host: {error}. "
            "Its disk may be full.",
            fix="%aws_ssh df -h . shows the free space.",
        ) from error
