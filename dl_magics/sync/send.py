"""Sends files as one tar stream; they are moved into place when all are complete."""

from __future__ import annotations

import asyncio
import shlex
import uuid
from collections import deque

from dl_magics.errors import DiskFull
from dl_magics.store.rooted_folder import RootedFile
from dl_magics.sync import diff
from dl_magics.sync.chunks import Ranges, build_checksum_command, find_missing_ranges
from dl_magics.sync.diff import STAGE, Tree
from dl_magics.sync.progress import ProgressMeter, format_size
from dl_magics.sync.remote import shell
from dl_magics.sync.remote.channel import MAKE_ROOM, SyncChannel
from dl_magics.sync.remote.listing import RemoteListing
from dl_magics.sync.spec import SyncJob
from dl_magics.sync.tar import batch
from dl_magics.sync.tar.batch import FileRest, TarBatch


class Sender:
    """One attempt: the upload after one comparison of both sides."""

    def __init__(
        self,
        job: SyncJob,
        line: SyncChannel,
        here: Tree,
        listed: RemoteListing,
        meter: ProgressMeter,
    ) -> None:
        self.changing: list[bytes] = []
        self._plan = plan = diff.compare_trees(here, listed.tree, job.replace)
        self.deleted = [name for name in plan.surplus if name in job.delete]
        self._job, self._line, self._here = job, line, here
        self._staged = {
            name.removeprefix(batch.NEW): each
            for name, each in listed.staged.items()
            if name.startswith(batch.NEW)
        }
        self._remote_tree = listed.tree
        self._came = [name for name in plan.files if self._is_whole(name)]
        left = [name for name in plan.files if not self._is_whole(name)]
        self._big = [name for name in left if self._goes_alone(name)]
        self._small = deque(name for name in left if not self._goes_alone(name))
        self._meter = meter
        size = sum(here[name].size for name in left)
        on_its_way = sum(each.size for each in self._staged.values())
        if size > listed.free_bytes + on_its_way:
            raise DiskFull(
                f"{format_size(size)} do not fit: {format_size(listed.free_bytes)} are free"
                f" on {job.login.name}; incomplete files were not put in place.",
                fix=MAKE_ROOM,
            )
        modes = sum(here[name].kind == "file" for name in plan.modes)
        meter.begin(len(left) + modes, size, plan.unchanged, plan.skipped)
        self._has_stage = bool(listed.staged)

    async def all(self) -> None:
        """Send everything in the plan."""
        plan = self._plan
        if plan.cleared:
            await self._clear_way()
        for name in self._big:
            await self._alone(name)
        changes = (plan.files, plan.links, plan.folders, plan.modes, self.deleted)
        if any(changes) or self._has_stage:
            await self._together()
            while self._small:
                await self._together()

    async def _clear_way(self) -> None:
        """Move what is to be replaced by another type to the stage, which is deleted at the end."""
        old = f"{STAGE}/old"
        lines = [f"(umask 077 && mkdir -p {old})"]
        for name in self._plan.cleared:
            quoted = shlex.quote("./" + shell.decode_text(name))
            lines.append(f"mv -- {quoted} {old}/{uuid.uuid4().hex}")
        async with self._line.stream() as stream:
            await stream.begin(self._inside(" && ".join(lines)))
            await stream.end()

    async def _together(self) -> None:
        """Send many files as one stream; after the last one, run the final steps."""
        sent = self._bundle("finish")
        async with self._line.stream() as stream, self._line.helped(self._help) as helped:
            await stream.begin(self._unpacking(sent))
            await stream.feed(sent.files())
            await helped()
            is_last = not self._small
            await stream.feed(sent.end(self._rest() if is_last else FileRest()))
            output = await stream.end()
        self._note(sent)
        if is_last:
            modes = [name for name in self._plan.modes if self._here[name].kind == "file"]
            self._meter.add(0, len(modes))
        if batch.REFUSED_MODES.decode() in output:
            self._meter.skip(self._plan.modes[0], "the host refused to change permissions")

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
        job = self._job
        return TarBatch(job.root, job.aliases, self._here, self._small, self._plan.folders, finish)

    def _unpacking(self, sent: TarBatch) -> str:
        stage = shlex.quote(STAGE)
        finish = f"{stage}/{sent.finish}"
        return self._inside(
            f"(umask 077 && mkdir -p {stage}) && rm -f {finish} && "
            f"tar -xpf - -C {stage} && sh {finish}"
        )

    def _rest(self) -> FileRest:
        return FileRest(
            folders=self._plan.folders,
            links=self._plan.links,
            modes=self._plan.modes,
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
        entry, part = self._here[name], f"./{STAGE}/new/{shell.decode_text(name)}"
        source = RootedFile(self._job.root, name, self._job.aliases)
        left = Ranges(
            await asyncio.to_thread(
                find_missing_ranges, source, entry.size, await self._sums(name, part)
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
        is_same = left.is_done and batch.is_unchanged(source.read_status, entry)
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
        return f"{shell.PRELUDE}cd -P -- {shell.quote_path(self._job.folder)} && {command}"

    def _is_whole(self, name: bytes) -> bool:
        return diff.is_same(self._here[name], self._staged.get(name))

    def _goes_alone(self, name: bytes) -> bool:
        return self._here[name].size > self._job.big
