"""Downloads the files of a folder that changed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dl_magics.errors import DiskFull, NoSuchFile
from dl_magics.ssh import connection
from dl_magics.ssh.retry import retry_stream
from dl_magics.sync import diff, extract, local_listing
from dl_magics.sync.diff import SyncPlan, Tree
from dl_magics.sync.file_system import probe_file_system
from dl_magics.sync.names import printable
from dl_magics.sync.progress import ProgressMeter, SyncProgress, format_size
from dl_magics.sync.receive import Receiver
from dl_magics.sync.remote import listing, shell
from dl_magics.sync.remote.listing import RemoteListing
from dl_magics.sync.spec import SyncJob

if TYPE_CHECKING:
    import asyncssh

_ROUNDS = 3


async def download_files(job: SyncJob) -> AsyncIterator[SyncProgress]:
    """Fetch changed files; after a lost connection, resume without repeating complete ones."""
    meter = ProgressMeter(" ← ".join(job.ends))
    async for synced in retry_stream(lambda: _attempt(job, meter), meter.now):
        yield synced


async def plan_download(job: SyncJob) -> SyncPlan:
    """Return what a download would change."""
    return (await _looked(job, await connection.connect_shared(job.login)))[2]


async def _attempt(job: SyncJob, meter: ProgressMeter) -> AsyncIterator[SyncProgress]:
    remote = await connection.connect_shared(job.login)
    for n in range(_ROUNDS):
        listed, _, plan = await _looked(job, remote)
        receiver = Receiver(job, remote, listed, plan, meter)
        sizes = {name: listed.tree[name].size for name in plan.files}
        size = sum(sizes.values())
        modes = sum(listed.tree[name].kind == "file" for name in plan.modes)
        meter.begin(len(plan.files) + modes, size, plan.unchanged, plan.skipped)
        staged = sum(min(extract.staged_size(job.root, name), sizes[name]) for name in sizes)
        _must_fit(job.root, size - staged)
        with connection.translate_errors(job.login):
            async for synced in receiver.all(is_last=n == _ROUNDS - 1):
                yield synced
        if not receiver.missing:
            break
    for name in receiver.missing:
        meter.skip(name, "it is not readable, or keeps changing")
    yield meter.end(deleted=receiver.deleted)


async def _looked(
    job: SyncJob, remote: asyncssh.SSHClientConnection
) -> tuple[RemoteListing, Tree, SyncPlan]:
    with connection.translate_errors(job.login):
        listed = await listing.list_remote(remote, job.folder, job.names)
    names = {shell.encode_text(name) for name in job.names}
    if listed.kind != "folder" or (names and not names & listed.tree.keys()):
        raise NoSuchFile(
            f"{job.ends[1]} does not exist on the host.",
            fix="%aws_ssh ls lists your home folder on the host.",
        )
    here: Tree = {}
    if job.root.is_dir():
        here = await asyncio.to_thread(local_listing.list_local, job.root, job.names, job.aliases)
    system = await asyncio.to_thread(probe_file_system, job.root)
    if not system.keeps_modes:
        here = {name: replace(entry, mode=None) for name, entry in here.items()}
    return listed, here, diff.compare_trees(listed.tree, here, job.replace, arriving=system)


def _must_fit(root: Path, size: int) -> None:
    place = root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if size > free:
        raise DiskFull(
            f"{format_size(size)} do not fit into {printable(str(root))}:"
            f" {format_size(free)} are free.",
            fix="Free some space, or name another folder with --to",
        )
