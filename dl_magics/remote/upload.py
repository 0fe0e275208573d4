"""Files that go to a host: as one tar stream of what changed, put in place when all of it came."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from dl_magics.errors import CommandFailed, DiskFull, NoAnswer
from dl_magics.remote import bundle, connection, manifest, tree
from dl_magics.remote.bundle import Bundle, Piece, Reading
from dl_magics.remote.job import Job, is_text
from dl_magics.remote.manifest import Listing
from dl_magics.remote.meter import Meter, Synced, written
from dl_magics.remote.patience import patiently
from dl_magics.remote.tree import STAGE, Plan, Tree

if TYPE_CHECKING:
    import asyncssh

_BATCH_BYTES, _BATCH_FILES = 256 * 2**20, 20_000
_ROUNDS = 3


async def up(job: Job) -> AsyncIterator[Synced]:
    """Send what changed; a lost link is waited for, and what came is not sent again."""
    meter = Meter(" → ".join(job.ends))
    async for synced in patiently(lambda: _attempt(job, meter), meter.now):
        yield synced


async def surplus(job: Job) -> list[bytes]:
    """Return what lies there and not here, files before their folders."""
    there = await connection.connected(job.login)
    with connection.translated(job.login):
        listing = await manifest.ask(there, job.folder, job.names)
    here = await asyncio.to_thread(tree.here, job.root, job.names)
    return tree.plan(here, listing.tree).surplus


async def _attempt(job: Job, meter: Meter) -> AsyncIterator[Synced]:
    there = await connection.connected(job.login)
    for _ in range(_ROUNDS):
        with connection.translated(job.login):
            listing = await manifest.ask(there, job.folder, job.names, make=True)
        here = await asyncio.to_thread(tree.here, job.root, job.names)
        plan = tree.plan(here, listing.tree)
        sendings = _Sendings(job, there, here, plan, listing, meter)
        with connection.translated(job.login):
            async for synced in sendings.all():
                yield synced
        if not sendings.changing:
            break
    for name in sendings.changing:
        meter.skip(name, "it changes all the time")
    yield meter.end(deleted=sendings.deleted)


class _Sendings:
    """One attempt: all that is sent after one look at both sides."""

    def __init__(
        self,
        job: Job,
        there: asyncssh.SSHClientConnection,
        here: Tree,
        plan: Plan,
        listing: Listing,
        meter: Meter,
    ) -> None:
        self.changing: list[bytes] = []
        self.deleted = [name for name in plan.surplus if name in job.delete]
        self._job, self._there, self._here, self._plan = job, there, here, plan
        self._staged = {
            name.removeprefix(bundle.NEW): each for name, each in listing.staged.items()
        }
        self._there_now = listing.tree
        self._came = [name for name in plan.files if self._is_whole(name)]
        self._left = [name for name in plan.files if not self._is_whole(name)]
        self._meter = meter
        size = sum(here[name].size for name in self._left)
        on_its_way = sum(each.size for each in listing.staged.values())
        if size > listing.free_bytes + on_its_way:
            raise _full(job, f"{written(size)} do not fit: {written(listing.free_bytes)} are free")
        kept = sum(each.kind == "file" for each in here.values()) - len(plan.files)
        meter.begin(len(self._left), size, kept, plan.skipped)

    async def all(self) -> AsyncIterator[Synced]:
        """Send it; yield how far it has come."""
        yield self._meter.now()
        plan = self._plan
        for name in filter(self._goes_alone, self._left):
            async for synced in self._alone(name):
                yield synced
        if not (plan.files or plan.links or plan.folders or self.deleted or self._staged):
            return
        small = [name for name in self._left if not self._goes_alone(name)]
        batches = list(_batches(small, self._here)) or [[]]
        for batch in batches:
            async for synced in self._together(
                batch, first=batch is batches[0], last=batch is batches[-1]
            ):
                yield synced

    async def _together(
        self, names: list[bytes], *, first: bool, last: bool
    ) -> AsyncIterator[Synced]:
        """Send many files as one stream; what comes last in it puts them in their places."""
        sent = Bundle(
            self._job.root,
            self._here,
            names,
            came=self._came if first else [],
            folders=self._plan.folders if first else [],
            links=self._plan.links if first else [],
            delete=[(name, self._there_now[name]) for name in self.deleted] if last else [],
            clear=last,
        )
        stage = shlex.quote(STAGE)
        command = (
            f"mkdir -p {stage} && rm -f {stage}/finish && tar -xf - -C {stage} && sh {stage}/finish"
        )
        async for each in self._send(command, sent.pieces()):
            yield each
        self.changing += sent.changed
        for name, why in sent.unreadable.items():
            self._meter.skip(name, why)

    async def _alone(self, name: bytes) -> AsyncIterator[Synced]:
        """Send one big file; what came before a cut is compared, and not sent again."""
        part = f"{STAGE}/new/{name.decode()}"
        offset = await self._offset(name, part)
        self._meter.add(offset)
        reading = Reading(self._job.root, name, offset)
        write = 'cat >>"$f"' if offset else 'rm -f "$f" && cat >"$f"'
        command = (
            f'f={shlex.quote(f"./{part}")} && mkdir -p -- "${{f%/*}}" && {write} && wc -c <"$f"'
        )
        said: list[bytes] = []
        async for each in self._send(command, reading.pieces(), said):
            yield each
        came = int(said[0]) == reading.size and self._here[name] == reading.entry
        if came and offset:
            came = await self._sum(part) == reading.sum
        (self._came if came and not reading.changed else self.changing).append(name)

    async def _offset(self, name: bytes, part: str) -> int:
        """Return how much of a file came before, and is the same as here."""
        found = self._staged.get(name)
        if not found or found.kind != "file" or not 0 < found.size <= self._here[name].size:
            return 0
        first = await asyncio.to_thread(bundle.sum_of, self._job.root, name, found.size)
        return found.size if await self._sum(part) == first else 0

    async def _sum(self, part: str) -> str:
        inside = f"cd -- {shlex.quote(self._job.folder)}"
        done = await self._there.run(
            f"{inside} && sha256sum <{shlex.quote(part)}", check=False, errors="replace"
        )
        return str(done.stdout).partition(" ")[0]

    async def _send(
        self, command: str, pieces: Iterator[Piece], said: list[bytes] | None = None
    ) -> AsyncIterator[Synced]:
        """Give pieces to a command there; raise what its end means."""
        inside = f"LC_ALL=C; export LC_ALL; cd -- {shlex.quote(self._job.folder)}"
        async with self._there.create_process(f"{inside} && {command}", encoding=None) as process:
            complaints = bytearray()
            listening = asyncio.ensure_future(_listen(process, complaints))
            try:
                with contextlib.suppress(BrokenPipeError):
                    while piece := await asyncio.to_thread(next, pieces, None):
                        if process.is_closing() or _is_full(complaints):
                            break
                        process.stdin.write(piece.data)
                        await process.stdin.drain()
                        self._meter.add(piece.size, piece.files)
                        if self._meter.due():
                            yield self._meter.now()
                    else:
                        process.stdin.write_eof()
                        await process.wait_closed()
            finally:
                process.close()
                await listening
            done = await process.wait(check=False)
        if _is_full(complaints):
            raise _full(self._job, "The disk there is full")
        if done.exit_status is None:
            raise NoAnswer(
                f"The link to {self._job.login.name} is lost.", fix="The same line again goes on."
            )
        if done.exit_status:
            last = complaints.decode(errors="replace").strip().rpartition("\n")[2]
            raise CommandFailed(
                f"{self._job.login.name} could not take the files: {last:.200}",
                fix="What came is kept; the same line again goes on · --to names another folder",
            )
        if said is not None:
            said.append(manifest.as_bytes(done.stdout))

    def _is_whole(self, name: bytes) -> bool:
        return tree.is_same(self._here[name], self._staged.get(name))

    def _goes_alone(self, name: bytes) -> bool:
        return self._here[name].size > self._job.big and is_text(name)


def _batches(names: list[bytes], here: Tree) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for name in names:
        batch.append(name)
        size += here[name].size
        if size > _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def _listen(process: asyncssh.SSHClientProcess[bytes], complaints: bytearray) -> None:
    while block := await process.stderr.read(2**16):
        complaints.extend(block)


def _is_full(complaints: bytearray) -> bool:
    return b"No space left" in complaints or b"quota exceeded" in complaints


def _full(job: Job, what: str) -> DiskFull:
    return DiskFull(
        f"{what} on {job.login.name}; nothing half-sent is in its place.",
        fix="Make room there and run the same line again · %aws_ssh df -h shows what is full",
    )
