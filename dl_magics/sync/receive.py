"""Receives files as one tar stream; each is renamed into place when it is complete."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

from dl_magics.errors import NoAnswer
from dl_magics.sync import chunks
from dl_magics.sync.diff import STAGE, SyncPlan
from dl_magics.sync.extract import FileExtractor
from dl_magics.sync.progress import ProgressMeter, SyncProgress
from dl_magics.sync.remote import listing, shell
from dl_magics.sync.remote.listing import RemoteListing
from dl_magics.sync.remote.shell import RunningScript
from dl_magics.sync.spec import SyncJob
from dl_magics.sync.tar.batch import split_commands
from dl_magics.sync.tar.reader import LimitedStream, limit_for

if TYPE_CHECKING:
    import asyncssh

_CHUNK = 2**20
_LOOK_SECONDS = 0.25
_VERBATIM = "v=; if tar --no-unquote --version >/dev/null 2>&1; then v=--no-unquote; fi"


class Receiver:
    """One attempt: the download after one comparison of both sides."""

    def __init__(
        self,
        job: SyncJob,
        remote: asyncssh.SSHClientConnection,
        listed: RemoteListing,
        plan: SyncPlan,
        meter: ProgressMeter,
    ) -> None:
        self.deleted = [name for name in plan.surplus if name in job.delete]
        self._job, self._remote, self._listed, self._plan = job, remote, listed, plan
        self._theirs = listed.tree
        self._meter = meter
        self._files = FileExtractor(job.root, listed.tree, meter, job.aliases)

    @property
    def missing(self) -> list[bytes]:
        """The planned files that were not received."""
        return [name for name in self._plan.files if name not in self._files.settled]

    async def all(self, *, is_last: bool) -> AsyncIterator[SyncProgress]:
        """Fetch everything in the plan; yield the progress.

        Parts of files that did not arrive are kept for another round, unless this is the last one.
        """
        yield self._meter.now()
        plan = self._plan
        changes = (plan.files, plan.links, plan.folders, plan.modes, self.deleted)
        if not (any(changes) or (self._job.root / STAGE).is_dir()):
            return
        try:
            await asyncio.to_thread(self._prepare)
            small = []
            for name in plan.files:
                if self._theirs[name].size <= self._job.big:
                    small.append(name)
                    continue
                async for synced in self._alone(name):
                    yield synced
            if small:
                async for synced in self._together(small):
                    yield synced
            await asyncio.to_thread(self._finish, is_last)
        finally:
            self._files.close()

    def _prepare(self) -> None:
        mode = None if self._job.names else self._listed.mode
        self._files.prepare(None if mode is None else mode & 0o775 | 0o700)
        self._files.clear_way(self._plan.cleared)
        self._files.make_folders(self._plan.folders)

    def _finish(self, is_last: bool) -> None:
        for name in self._plan.links:
            self._files.make_link(name)
        self._files.delete(self.deleted)
        self._files.set_modes(self._plan.modes, self._plan.folders)
        if is_last or not self.missing:
            self._files.clear()

    async def _together(self, names: list[bytes]) -> AsyncIterator[SyncProgress]:
        """Fetch many files as one stream."""
        # GNU tar takes \\n in a name for a newline.
        verbatim = _VERBATIM if any(b"\\" in name for name in names) else "v="
        commands = split_commands(b"tar $v -cf - --", [b"./" + name for name in names])
        lines = [shell.begin_in(self._job.folder) + verbatim, *map(shell.decode_text, commands)]
        limit = limit_for([self._theirs[name].size for name in names], names)
        async with shell.open_script(self._remote, "\n".join([*lines, "exit 0\n"])) as script:
            pipe = _Pipe(script)
            stream = LimitedStream(pipe, limit)
            work = asyncio.ensure_future(asyncio.to_thread(self._files.unpack, stream))
            try:
                while not work.done():
                    await asyncio.wait([work], timeout=_LOOK_SECONDS)
                    yield self._meter.now()
                work.result()
                # Behind what is not a tar stream or exceeds it, nothing of use can follow.
                if stream.is_over:
                    await self._must_have_ended(script)
            finally:
                pipe.close()
                await asyncio.wait([work])

    async def _alone(self, name: bytes) -> AsyncIterator[SyncProgress]:
        """Fetch one big file; resume after the part that an earlier attempt received."""
        entry = self._theirs[name]
        file = shlex.quote("./" + shell.decode_text(name))
        offset = await asyncio.to_thread(self._files.received_size, name)
        if offset and (offset > entry.size or not await self._same(name, file, offset)):
            self._files.discard_part(name)
            offset = 0
        self._meter.add(offset)
        left = entry.size - offset
        command = f"{shell.begin_in(self._job.folder)}tail -c +{offset + 1} {file} || :\n"
        async with shell.open_script(self._remote, command) as script:
            while left >= 0 and (block := await script.read(_CHUNK)):
                left -= len(block)
                await asyncio.to_thread(self._files.write, name, block)
                if self._meter.due():
                    yield self._meter.now()
            if left >= 0:
                await self._must_have_ended(script)
        if await self._is_still(name) and (not offset or await self._same(name, file, entry.size)):
            await asyncio.to_thread(self._files.place, name)
        else:
            self._files.discard_part(name)

    async def _same(self, name: bytes, file: str, size: int) -> bool:
        """Whether the first `size` bytes of the remote file and the local part are equal."""
        output = await shell.run_script(
            self._remote,
            f"{shell.begin_in(self._job.folder)}head -c {size} {file} | sha256sum\n",
        )
        with self._files.read_part(name) as part:
            ours = await asyncio.to_thread(chunks.file_sha256, part, size)
        return output.partition(b" ")[0] == ours.encode()

    async def _is_still(self, name: bytes) -> bool:
        """Whether the remote file did not change during the download and is complete."""
        folder, _, last = shell.decode_text(name).rpartition("/")
        listed = await listing.list_remote(
            self._remote, f"{self._job.folder}/{folder}" if folder else self._job.folder, [last]
        )
        same = listed.tree.get(shell.encode_text(last)) == self._theirs[name]
        return same and self._files.received_size(name) == self._theirs[name].size

    async def _must_have_ended(self, script: RunningScript) -> None:
        status, _ = await script.end()
        if status is None:
            raise NoAnswer(
                f"The connection to {self._job.login.name} was lost.",
                fix="Run the same line again to resume.",
            )


class _Pipe:
    """Lets a thread read the output of a script from the event loop."""

    def __init__(self, script: RunningScript) -> None:
        self._script = script
        self._loop = asyncio.get_running_loop()
        self._reading: Future[bytes] | None = None
        self._closed = False

    def read(self, size: int) -> bytes:
        """Return the next bytes; b"" at the end, or once the pipe is closed."""
        self._reading = asyncio.run_coroutine_threadsafe(self._script.read(size), self._loop)
        if self._closed:
            self._reading.cancel()
        try:
            return self._reading.result()
        except CancelledError:
            return b""

    def close(self) -> None:
        """End the data: a thread that waits for more does not depend on the host."""
        self._closed = True
        if self._reading:
            self._reading.cancel()
