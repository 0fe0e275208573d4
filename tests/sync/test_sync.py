"""Sync with a real sshd: interrupted connections and a disk that fills up."""

from __future__ import annotations

import asyncio
import os
import shutil
from types import SimpleNamespace

import pytest

from dl_magics import errors
from dl_magics.ssh import blocking, connection
from dl_magics.sync import download, progress, upload
from dl_magics.sync.diff import STAGE
from dl_magics.sync.remote.channel import SyncChannel
from dl_magics.sync.spec import SyncJob
from support.files import lies_in, send

MB = 2**20
BIG = 12 * MB


@pytest.fixture(autouse=True)
def _each_piece_is_told(lab, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN", 0)
    yield
    blocking.wait_for(connection.drop_shared("i-0lab"))


@pytest.fixture
def here(tmp_path):
    return plant(tmp_path / "here")


@pytest.fixture
def there(lab):
    folder = lab.folder / "home" / "data"
    yield folder
    shutil.rmtree(folder)


def plant(folder):
    """Three hundred photos, a model, and a link that points outside."""
    for kind in ("cats", "dogs", "deep/in/it"):
        (folder / kind).mkdir(parents=True)
        for n in range(100):
            (folder / kind / f"{n}.jpg").write_bytes(os.urandom(4000))
    (folder / "model.keras").write_bytes(os.urandom(BIG))
    (folder / "out").symlink_to("/etc/passwd")
    return folder


def over_the_wire(lab):
    """Return the number of bytes that the instance has received and sent."""
    counters = [f"/sys/class/net/wire/statistics/{way}_bytes" for way in ("rx", "tx")]
    return map(int, lab.inside("cat", *counters).split())


def synced_with_cuts(work, cut, restore):
    """Cut the link after two thirds, restore it once noticed; return the last progress."""
    left = [cut]
    waited = ""
    for synced in blocking.iterate_over(work):
        if left and synced.bytes > BIG * 2 / 3:
            left.pop()()
        if synced.waiting and not waited:
            restore()
            waited = synced.waiting
    assert waited
    return synced


def fill_meanwhile(ballast, work):
    updates = blocking.iterate_over(work)
    next(updates)
    ballast.write_bytes(bytes(12 * MB))
    list(updates)


def without_the_link(folder):
    return {name: seen for name, seen in lies_in(folder).items() if name != b"out"}


def test_an_upload_resumes_after_a_cut_without_sending_twice(lab, here, there):
    before, _ = over_the_wire(lab)

    synced = synced_with_cuts(
        upload.upload_files(SyncJob(lab.login(), here, str(there), big=MB)),
        lab.kill_sessions,
        lab.mend,
    )

    after, _ = over_the_wire(lab)
    assert after - before < 1.35 * synced.bytes_total
    assert dict(synced.skipped) == {"out": "the link points outside the folder"}
    assert lies_in(there) == without_the_link(here)
    assert send(SimpleNamespace(login=lab.login()), here, str(there)).files_total == 0


def test_a_download_resumes_after_a_cut_without_fetching_twice(lab, there, tmp_path):
    plant(there)
    _, before = over_the_wire(lab)

    synced = synced_with_cuts(
        download.download_files(SyncJob(lab.login(), tmp_path / "back", str(there), big=MB)),
        lab.refuse,
        lab.mend,
    )

    _, after = over_the_wire(lab)
    assert after - before < 1.35 * synced.bytes_total
    assert dict(synced.skipped) == {"out": "the link points outside the folder"}
    assert lies_in(tmp_path / "back") == without_the_link(there)


def test_an_interrupt_while_a_stream_opens_leaves_no_session_open(lab):
    async def interrupted():
        over = await connection.connect_shared(lab.login())
        for milliseconds in range(0, 120, 20):
            meter = progress.ProgressMeter("here → there")
            async with SyncChannel(over, lab.login(), meter) as line, line.stream() as stream:
                opening = asyncio.ensure_future(stream.begin("true"))
                await asyncio.sleep(milliseconds / 1000)
                opening.cancel()
                await asyncio.gather(opening, return_exceptions=True)
        # Once this is answered, the last requested session was opened and closed.
        for _ in range(2):
            await over.run("true")

    lab.wire("delay 0.025")
    blocking.wait_for(interrupted())

    assert not lab.running("IFS= read")


@pytest.fixture
def disk(lab):
    with lab.small_disk("disk", 20 * MB) as disk:
        yield disk


@pytest.mark.parametrize(
    ("big", "again"), [(MB, 9 * MB), (64 * MB, 14 * MB)], ids=["alone", "together"]
)
def test_a_full_remote_disk_is_reported_and_the_sync_resumes_later(lab, here, disk, big, again):
    there, ballast = lab.seen(disk / "data"), lab.seen(disk / "ballast")
    job = SyncJob(lab.login(), here, str(disk / "data"), big=big)

    with pytest.raises(errors.DiskFull) as full:
        fill_meanwhile(ballast, upload.upload_files(job))

    assert full.value._render_traceback_() == [
        "DiskFull: The disk of gpu is full; incomplete files were not put in place.",
        "  Free some space on the host and run the line again · %aws_ssh df -h shows what is full",
    ]
    assert {name.partition(b"/")[0] for name in lies_in(there)} == {STAGE.encode()}

    ballast.unlink()
    before, _ = over_the_wire(lab)
    list(blocking.iterate_over(upload.upload_files(job)))
    after, _ = over_the_wire(lab)

    assert after - before < again
    assert lies_in(there) == without_the_link(here)
