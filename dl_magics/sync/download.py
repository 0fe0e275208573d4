"""Downloads changed files as one tar stream; each is renamed into place when complete."""

from __future__ import annotations

import asyncio
import posixpath
import shlex
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dl_magics.errors import DiskFull, NoAnswer, NoSuchFile
from dl_magics.ssh import connection
from dl_magics.ssh.retry import retry_stream
from dl_magics.sync import chunks, diff, remote_listing, tar_batch
from dl_magics.sync.diff import SyncPlan, Tree
from dl_magics.sync.extract import TarExtractor
from dl_magics.sync.progress import ProgressMeter, SyncProgress, format_size
from dl_magics.sync.spec import SyncJob, is_text

if TYPE_CHECKING:
    import asyncssh

_CHUNK = 2**20
_ROUNDS = 3
_LOOK_SECONDS = 0.25


async def download_files(job: SyncJob) -> AsyncIterator[SyncProgress]:
    """Fetch changed files; after a lost connection, resume without repeating complete ones."""
    job = await _exactly(job)
    meter = ProgressMeter(" ← ".join(job.ends))
    async for synced in retry_stream(lambda: _attempt(job, meter), meter.now):
        yield synced


async def list_surplus(job: SyncJob) -> list[bytes]:
    """Return the names that exist only locally, files before their folders."""
    remote = await connection.connect_shared(job.login)
    return (await _looked(await _exactly(job), remote))[2].surplus


async def _exactly(job: SyncJob) -> SyncJob:
    """Return the job; if its path is a file, with folder and name separated."""
    remote = await connection.connect_shared(job.login)
    with connection.translate_errors(job.login):
        done = await remote.run(f"test -f {shlex.quote(job.folder)}", check=False)
    if job.names or done.exit_status:
        return job
    folder, name = posixpath.split(job.folder)
    return replace(job, root=job.root.parent, folder=folder or ".", names=(name,))


async def _attempt(job: SyncJob, meter: ProgressMeter) -> AsyncIterator[SyncProgress]:
    remote = await connection.connect_shared(job.login)
    for _ in range(_ROUNDS):
        theirs, here, plan = await _looked(job, remote)
        fetching = _Fetching(job, remote, theirs, plan, meter)
        kept = sum(each.kind == "file" for each in here.values()) - len(plan.surplus)
        size = sum(theirs[name].size for name in plan.files)
        meter.begin(len(plan.files), size, max(0, kept), plan.skipped)
        _must_fit(job.root, size)
        with connection.translate_errors(job.login):
            async for synced in fetching.all():
                yield synced
        if not fetching.missing:
            break
    for name in fetching.missing:
        meter.skip(name, "it is not readable, or keeps changing")
    yield meter.end(deleted=fetching.deleted)


async def _looked(
    job: SyncJob, remote: asyncssh.SSHClientConnection
) -> tuple[Tree, Tree, SyncPlan]:
    with connection.translate_errors(job.login):
        listing = await remote_listing.list_remote(remote, job.folder, job.names)
    theirs, names = listing.tree, {name.encode() for name in job.names}
    if listing.kind != "folder" or (names and not names & theirs.keys()):
        raise NoSuchFile(
            f"{job.ends[1]} does not exist on the host.",
            fix="%aws_ssh ls lists your home folder on the host.",
        )
    here: Tree = {}
    if job.root.is_dir():
        here = await asyncio.to_thread(diff.list_local, job.root, job.names)
    return theirs, here, diff.compare_trees(theirs, here)


class _Fetching:
    """One attempt: the download after one comparison of both sides."""

    def __init__(
        self,
        job: SyncJob,
        remote: asyncssh.SSHClientConnection,
        theirs: Tree,
        plan: SyncPlan,
        meter: ProgressMeter,
    ) -> None:
        self.deleted = [name for name in plan.surplus if name in job.delete]
        self._job, self._remote, self._theirs, self._plan = job, remote, theirs, plan
        self._meter = meter
        self._arrival = TarExtractor(job.root, theirs, meter)

    @property
    def missing(self) -> list[bytes]:
        """The planned files that were not received."""
        return [name for name in self._plan.files if name not in self._arrival.settled]

    async def all(self) -> AsyncIterator[SyncProgress]:
        """Fetch everything in the plan; yield the progress."""
        yield self._meter.now()
        plan = self._plan
        if not (plan.files or plan.links or plan.folders or self.deleted):
            return
        await asyncio.to_thread(self._arrival.prepare, plan.folders)
        small = []
        for name in plan.files:
            if self._theirs[name].size <= self._job.big or not is_text(name):
                small.append(name)
                continue
            async for synced in self._alone(name):
                yield synced
        if small:
            async for synced in self._together(small):
                yield synced
        for name in plan.links:
            self._arrival.link(name)
        self._arrival.delete(self.deleted)
        if not self.missing:
            await asyncio.to_thread(self._arrival.clear)

    async def _together(self, names: list[bytes]) -> AsyncIterator[SyncProgress]:
        """Fetch many files as one stream."""
        commands = tar_batch.split_commands(b"tar -cf - --", [b"./" + name for name in names])
        async with self._remote.create_process("exec sh -s", encoding=None) as process:
            process.stdin.write(b"\n".join([b"cd -- " + self._folder(), *commands, b"exit 0\n"]))
            process.stdin.write_eof()
            quiet = asyncio.ensure_future(process.stderr.read())
            pipe = _Pipe(process.stdout)
            work = asyncio.ensure_future(asyncio.to_thread(self._arrival.unpack, pipe))
            try:
                while not work.done():
                    await asyncio.wait([work], timeout=_LOOK_SECONDS)
                    yield self._meter.now()
                work.result()
                await process.wait_closed()
            finally:
                process.close()
                await asyncio.wait([work, quiet])
        self._must_have_ended(process)

    async def _alone(self, name: bytes) -> AsyncIterator[SyncProgress]:
        """Fetch one big file; resume after the part that an earlier attempt received."""
        file, entry = shlex.quote(f"./{name.decode()}"), self._theirs[name]
        part = self._arrival.part(name)
        offset = self._arrival.came(name)
        if offset and (offset > entry.size or not await self._same(file, part, offset)):
            part.unlink()
            offset = 0
        self._meter.add(offset)
        command = f"cd -- {self._folder().decode()} && tail -c +{offset + 1} {file}"
        async with self._remote.create_process(command, encoding=None) as process:
            while block := await process.stdout.read(_CHUNK):
                await asyncio.to_thread(self._arrival.write, name, block)
                if self._meter.due():
                    yield self._meter.now()
            await process.wait_closed()
        self._must_have_ended(process)
        if await self._is_still(name) and (not offset or await self._same(file, part, entry.size)):
            await asyncio.to_thread(self._arrival.whole, name)
        else:
            part.unlink(missing_ok=True)

    async def _same(self, file: str, part: Path, size: int) -> bool:
        """Whether the first `size` bytes of the remote file and the local part are equal."""
        done = await self._remote.run(
            f"cd -- {self._folder().decode()} && head -c {size} {file} | sha256sum",
            check=False,
            errors="replace",
        )
        ours = await asyncio.to_thread(chunks.file_sha256, part, size)
        return str(done.stdout).partition(" ")[0] == ours

    async def _is_still(self, name: bytes) -> bool:
        """Whether the remote file did not change during the download and is complete."""
        folder, _, last = name.decode().rpartition("/")
        listing = await remote_listing.list_remote(
            self._remote, f"{self._job.folder}/{folder}", [last]
        )
        same = listing.tree.get(last.encode()) == self._theirs[name]
        return same and self._arrival.came(name) == self._theirs[name].size

    def _folder(self) -> bytes:
        return shlex.quote(self._job.folder).encode()

    def _must_have_ended(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        if process.exit_status is None:
            raise NoAnswer(
                f"The connection to {self._job.login.name} was lost.",
                fix="Run the same line again to resume.",
            )


class _Pipe:
    """Lets a thread read from a stream of the event loop; a lost connection ends the data."""

    def __init__(self, reader: asyncssh.SSHReader[bytes]) -> None:
        self._reader = reader
        self._loop = asyncio.get_running_loop()

    def read(self, size: int) -> bytes:
        return asyncio.run_coroutine_threadsafe(self._next(size), self._loop).result()

    async def _next(self, size: int) -> bytes:
        import asyncssh

        try:
            return await self._reader.read(size)
        except (asyncssh.Error, OSError):
            return b""


def _must_fit(root: Path, size: int) -> None:
    place = root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if size > free:
        raise DiskFull(
            f"{format_size(size)} do not fit into {root}: {format_size(free)} are free.",
            fix="Free some space, or name another folder with --to",
        )
