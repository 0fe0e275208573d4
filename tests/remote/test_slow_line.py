"""Files that fill a slow line leave the link to the kernel as it is."""

from __future__ import annotations

import os
import sys

from dl_magics.remote import connection, link, loop, upload
from dl_magics.remote.job import Job
from dl_magics.remote.kernel import GpuKernel


def test_while_files_go_over_a_slow_line_the_kernel_is_not_taken_for_lost(
    lab, tmp_path, monkeypatch
):
    monkeypatch.setattr(link, "DEAD_SECONDS", 1.5)
    (tmp_path / "large.bin").write_bytes(os.urandom(4 * 2**20))
    there = lab.folder / "home" / "slow"
    kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)
    over = loop.wait(connection.connected(lab.login()))
    lab.wire("rate 1000000")

    synced = list(loop.each(upload.up(Job(lab.login(), tmp_path, str(there)))))

    assert synced[-1].done
    assert (there / "large.bin").stat().st_size == 4 * 2**20
    # Who takes a link for lost makes another connection.
    assert loop.wait(connection.connected(lab.login())) is over
    lab.mend()
    kernel.shutdown()
