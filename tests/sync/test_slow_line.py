"""A transfer over a slow connection does not break the link to the kernel."""

from __future__ import annotations

import os
import sys

from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.gpu_kernel.link import heartbeat
from dl_magics.ssh import blocking, connection
from dl_magics.sync import upload
from dl_magics.sync.spec import SyncJob


def test_a_slow_upload_does_not_make_the_kernel_look_lost(lab, tmp_path, monkeypatch):
    # The answer to a ping waits behind two megabytes, which take longer than this.
    monkeypatch.setattr(heartbeat, "DEAD_SECONDS", 3.0)
    monkeypatch.setattr(connection, "_IDLE_SECONDS", 1.0)
    (tmp_path / "large.bin").write_bytes(os.urandom(4 * 2**20))
    there = lab.folder / "home" / "slow"
    kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)
    over = blocking.wait_for(connection.connect_shared(lab.login()))
    lab.wire("rate 500000")

    uploading = blocking.start_task(finish(SyncJob(lab.login(), tmp_path, str(there))))
    # What hangs beside the transfer must not take the connection along.
    blocking.wait_for(connection.drop_idle("i-0lab"))

    assert not uploading.done()
    assert uploading.result().done
    assert (there / "large.bin").stat().st_size == 4 * 2**20
    # A link that is considered lost opens another connection.
    assert blocking.wait_for(connection.connect_shared(lab.login())) is over
    lab.mend()
    kernel.shutdown()
    blocking.wait_for(connection.drop_idle("i-0lab"))
    assert over.is_closed()


async def finish(job):
    async for synced in upload.upload_files(job):
        last = synced
    return last
