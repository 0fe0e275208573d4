"""Uploads the files of a folder that changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from dl_magics.ssh import connection
from dl_magics.ssh.retry import retry_stream
from dl_magics.sync import diff, local_listing
from dl_magics.sync.diff import SyncPlan, Tree
from dl_magics.sync.progress import ProgressMeter, SyncProgress
from dl_magics.sync.remote import listing
from dl_magics.sync.remote.channel import SyncChannel
from dl_magics.sync.remote.listing import RemoteListing
from dl_magics.sync.send import Sender
from dl_magics.sync.spec import SyncJob

if TYPE_CHECKING:
    import asyncssh

_ROUNDS = 3


async def upload_files(job: SyncJob) -> AsyncIterator[SyncProgress]:
    """Send changed files; after a lost connection, resume without repeating complete ones."""
    meter = ProgressMeter(" → ".join(job.ends))
    async for synced in retry_stream(lambda: _attempt(job, meter), meter.now):
        yield synced


async def plan_upload(job: SyncJob) -> SyncPlan:
    """Return what an upload would change."""
    here, listed = await _looked(job)
    return diff.compare_trees(here, listed.tree, job.replace)


async def count_differences(job: SyncJob) -> tuple[int, int]:
    """Return the number of local files that are new or differ in size, and of remote-only files.

    Times are ignored: the same files may have been copied to the host in another way.
    """
    here, listed = await _looked(job)
    if listed.kind != "folder":
        return 0, 0
    ours, theirs = diff.sizes(here), diff.sizes(listed.tree)
    return len(ours.items() - theirs.items()), len(theirs.keys() - ours.keys())


async def _looked(job: SyncJob) -> tuple[Tree, RemoteListing]:
    remote = await connection.connect_shared(job.login)
    with connection.translate_errors(job.login):
        return await _both_sides(remote, job)


async def _both_sides(
    remote: asyncssh.SSHClientConnection, job: SyncJob, *, make: bool = False
) -> tuple[Tree, RemoteListing]:
    # A new folder gets the permissions of the local one; a folder for a single file does not.
    mode = None if job.names else local_listing.read_mode(job.root)
    return await asyncio.gather(
        asyncio.to_thread(local_listing.list_local, job.root, job.names, job.aliases),
        listing.list_remote(remote, job.folder, job.names, make=make, mode=mode),
    )


async def _attempt(job: SyncJob, meter: ProgressMeter) -> AsyncIterator[SyncProgress]:
    remote = await connection.connect_shared(job.login)
    for _ in range(_ROUNDS):
        with connection.translate_errors(job.login):
            async with SyncChannel(remote, job.login, meter) as line:
                here, listed = await _both_sides(remote, job, make=True)
                sender = Sender(job, line, here, listed, meter)
                yield meter.now()
                async for synced in meter.shown(sender.all()):
                    yield synced
        if not sender.changing:
            break
    for name in sender.changing:
        meter.skip(name, "it keeps changing")
    yield meter.end(deleted=sender.deleted)
