"""Uploads changed files as one tar stream; they are moved into place when all are complete."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from dl_magics.errors import DiskFull
from dl_magics.ssh import connection
from dl_magics.ssh.retry import retry_stream
from dl_magics.sync import diff, remote_listing, tar_batch
from dl_magics.sync.channel import MAKE_ROOM, SyncChannel
from dl_magics.sync.chunks import Ranges, build_checksum_command, find_missing_ranges
from dl_magics.sync.diff import STAGE, Tree
from dl_magics.sync.progress import ProgressMeter, SyncProgress, format_size
from dl_magics.sync.remote_listing import RemoteListing
from dl_magics.sync.spec import SyncJob, is_text
from dl_magics.sync.tar_batch import FileRest, TarBatch

if TYPE_CHECKING:
    import asyncssh

_ROUNDS = 3


async def upload_files(job: SyncJob) -> AsyncIterator[SyncProgress]:
    """Send changed files; after a lost connection, resume without repeating complete ones."""
    meter = ProgressMeter(" → ".join(job.ends))
    async for synced in retry_stream(lambda: _attempt(job, meter), meter.now):
        yield synced


async def list_surplus(job: SyncJob) -> list[bytes]:
    """Return the names that exist only on the host, files before their folders."""
    here, listing = await _looked(job)
    return diff.compare_trees(here, listing.tree).surplus


async def count_differences(job: SyncJob) -> tuple[int, int]:
    """Return the number of local files that are new or differ in size, and of remote-only files.

    Times are ignored: the same photos may have been copied to the host in another way.
    """
    here, listing = await _looked(job)
    if listing.kind != "folder":
        return 0, 0
    ours, theirs = diff.sizes(here), diff.sizes(listing.tree)
    return len(ours.items() - theirs.items()), len(theirs.keys() - ours.keys())


async def _looked(job: SyncJob) -> tuple[Tree, RemoteListing]:
    remote = await connection.connect_shared(job.login)
    with connection.translate_errors(job.login):
        return await _both_sides(remote, job)


async def _both_sides(
    remote: asyncssh.SSHClientConnection, job: SyncJob, *, make: bool = False
) -> tuple[Tree, RemoteListing]:
    return await asyncio.gather(
        asyncio.to_thread(diff.list_local, job.root, job.names),
        remote_listing.list_remote(remote, job.folder, job.names, make=make),
    )


async def _attempt(job: SyncJob, meter: ProgressMeter) -> AsyncIterator[SyncProgress]:
    remote = await connection.connect_shared(job.login)
    for _ in range(_ROUNDS):
        with connection.translate_errors(job.login):
            async with SyncChannel(remote, job.login, meter) as line:
                here, listing = await _both_sides(remote, job, make=True)
                sending = _Sending(job, line, here, listing, meter)
                yield meter.now()
                async for synced in meter.shown(sending.all()):
                    yield synced
        if not sending.changing:
            break
    for name in sending.changing:
        meter.skip(name, "it keeps changing")
    yield meter.end(deleted=sending.deleted)


class _Sending:
    """One attempt: the upload after one comparison of both sides."""

    def __init__(
        self,
        job: SyncJob,
        line: SyncChannel,
        here: Tree,
        listing: RemoteListing,
        meter: ProgressMeter,
    ) -> None:
        self.changing: list[bytes] = []
        self._plan = plan = diff.compare_trees(here, listing.tree)
        self.deleted = [name for name in plan.surplus if name in job.delete]
        self._job, self._line, self._here = job, line, here
        self._staged = {
            name.removeprefix(tar_batch.NEW): each for name, each in listing.staged.items()
        }
        self._remote_tree = listing.tree
        self._came = [name for name in plan.files if self._is_whole(name)]
        left = [name for name in plan.files if not self._is_whole(name)]
        self._big = [name for name in left if self._goes_alone(name)]
        self._small = deque(name for name in left if not self._goes_alone(name))
        self._meter = meter
        size = sum(here[name].size for name in left)
        on_its_way = sum(each.size for each in listing.staged.values())
        if size > listing.free_bytes + on_its_way:
            raise DiskFull(
                f"{format_size(size)} do not fit: {format_size(listing.free_bytes)} are free"
                f" on {job.login.name}; incomplete files were not put in place.",
                fix=MAKE_ROOM,
            )
        kept = sum(each.kind == "file" for each in here.values()) - len(plan.files)
        meter.begin(len(left), size, kept, plan.skipped)

    async def all(self) -> None:
        """Send everything in the plan."""
        for name in self._big:
            await self._alone(name)
        plan = self._plan
        if plan.files or plan.links or plan.folders or self.deleted or self._staged:
            await self._together()
            while self._small:
                await self._together()

    async def _together(self) -> None:
        """Send many files as one stream; after the last one, run the final steps."""
        sent = self._bundle("finish")
        async with self._line.stream() as stream, self._line.helped(self._help) as helped:
            await stream.begin(self._unpacking(sent))
            await stream.feed(sent.files())
            await helped()
            await stream.feed(sent.end(FileRest() if self._small else self._rest()))
            await stream.end()
        self._note(sent)

    async def _help(self) -> None:
        """Send some of the files over a second stream."""
        while self._small:
            sent = self._bundle("finish.2")
            async with self._line.stream() as stream:
                await stream.begin(self._unpacking(sent))
                await stream.feed(sent.files())
                await stream.feed(sent.end())
                await stream.end()
            self._note(sent)

    def _bundle(self, finish: str) -> TarBatch:
        return TarBatch(self._job.root, self._here, self._small, self._plan.folders, finish)

    def _unpacking(self, sent: TarBatch) -> str:
        stage = shlex.quote(STAGE)
        finish = f"{stage}/{sent.finish}"
        return self._inside(
            f"mkdir -p {stage} && rm -f {finish} && tar -xf - -C {stage} && sh {finish}"
        )

    def _rest(self) -> FileRest:
        return FileRest(
            folders=self._plan.folders,
            links=self._plan.links,
            came=self._came,
            delete=[(name, self._remote_tree[name]) for name in self.deleted],
            clear=True,
        )

    def _note(self, sent: TarBatch) -> None:
        self.changing += sent.changed
        for name, why in sent.unreadable.items():
            self._meter.skip(name, why)

    async def _alone(self, name: bytes) -> None:
        """Send one big file; segments from an earlier attempt are not sent again."""
        entry, part = self._here[name], f"./{STAGE}/new/{name.decode()}"
        path = self._job.root / os.fsdecode(name)
        left = Ranges(
            await asyncio.to_thread(
                find_missing_ranges, path, entry.size, await self._sums(name, part)
            )
        )
        self._meter.add(entry.size - left.size)

        async def work() -> None:
            while one := left.next():
                async with self._line.stream() as stream:
                    await stream.begin(self._inside(one.taking(part)))
                    await stream.feed(one.pieces())
                    await stream.end()

        async with self._line.helped(work) as helped:
            await work()
            await helped()
        self._meter.add(0, 1)
        is_same = left.is_done and tar_batch.entry_of(self._job.root, name) == entry
        (self._came if is_same else self.changing).append(name)

    async def _sums(self, name: bytes, part: str) -> list[str]:
        """Return the checksums of the segments that an earlier attempt has sent."""
        found = self._staged.get(name)
        if not found:
            return []
        async with self._line.stream() as stream:
            await stream.begin(
                self._inside(build_checksum_command(part, found.size, self._here[name].size))
            )
            output = await stream.end()
        return [line.partition(" ")[0] for line in output.splitlines()]

    def _inside(self, command: str) -> str:
        return f"LC_ALL=C; export LC_ALL; cd -- {shlex.quote(self._job.folder)} && {command}"

    def _is_whole(self, name: bytes) -> bool:
        return diff.is_same(self._here[name], self._staged.get(name))

    def _goes_alone(self, name: bytes) -> bool:
        return self._here[name].size > self._job.big and is_text(name)
