from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dl_magics import errors
from dl_magics.ssh import blocking
from dl_magics.sync.diff import STAGE
from dl_magics.sync.download import download_files, plan_download
from dl_magics.sync.spec import SyncJob
from support.files import (
    fetch,
    find_without_root,
    lies_in,
    plant,
    program,
    send,
    trees,
    unlisted,
)
from support.limits.disk import mount_small_disk


@pytest.fixture
def there(host):
    folder = host.home / "results"
    (folder / "epochs").mkdir(parents=True)
    (folder / "epochs" / "1.h5").write_bytes(b"weights")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def here(tmp_path):
    return tmp_path / "here" / "results"


def test_a_folder_is_downloaded_unchanged(host, there, here):
    synced = fetch(host, here, "results")

    assert lies_in(here) == lies_in(there)
    assert (synced.files, synced.bytes_total, synced.done) == (1, 7, True)
    assert fetch(host, here, "results").files_total == 0


def test_uploaded_files_are_not_fetched_again(host, here):
    here.mkdir(parents=True)
    (here / "a").write_text("a")
    send(host, here, "results")

    assert fetch(host, here, "results").files_total == 0


def test_a_single_file_is_downloaded(host, there, tmp_path):
    fetch(host, tmp_path, "results/epochs", names=("1.h5",))

    assert (tmp_path / "1.h5").read_bytes() == b"weights"
    assert not (tmp_path / STAGE).exists()


def test_a_missing_remote_path_is_reported_with_two_lines(host, here):
    with pytest.raises(errors.NoSuchFile, match="gpu:reslts does not exist"):
        fetch(host, here, "reslts")
    with pytest.raises(errors.NoSuchFile, match="gpu:nothing does not exist"):
        fetch(host, here, ".", names=("nothing",))


def test_hard_links_are_downloaded_as_two_files(host, there, here):
    os.link(there / "epochs" / "1.h5", there / "best.h5")

    fetch(host, here, "results")

    assert lies_in(here) == lies_in(there)


def test_links_that_point_outside_are_not_created(host, there, here):
    (there / "best").symlink_to("epochs/1.h5")
    (there / "evil").symlink_to("../../../etc")

    synced = fetch(host, here, "results")

    assert (here / "best").readlink() == Path("epochs/1.h5")
    assert dict(synced.skipped) == {"evil": "the link points outside the folder"}
    assert not (here / "evil").is_symlink()


def test_nothing_is_written_through_a_local_link(host, there, here, tmp_path):
    here.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (here / "epochs").symlink_to(tmp_path / "elsewhere")

    synced = fetch(host, here, "results")

    assert [name for name, _ in synced.skipped] == ["epochs", "epochs/1.h5"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_files_that_were_not_requested_are_ignored(host, there, here):
    evil = "import sys, tarfile, io; t = tarfile.open(fileobj=sys.stdout.buffer, mode='w|');" + (
        "[(lambda i: (setattr(i, 'size', 7), t.addfile(i, io.BytesIO(b'weights'))))"
        "(tarfile.TarInfo(n)) for n in ('../evil', '/tmp/evil', './epochs/1.h5')]; t.close()"
    )
    import sys

    with program(host, "tar", f'{sys.executable} -c "{evil}"'):
        fetch(host, here, "results")

    assert (here / "epochs" / "1.h5").read_bytes() == b"weights"
    assert not (here.parent / "evil").exists()


def test_only_confirmed_local_files_are_deleted(host, there, here):
    (here / "old").mkdir(parents=True)
    (here / "old" / "x").write_text("x")
    (here / "keep").write_text("y")

    assert blocking.wait_for(plan_download(SyncJob(host.login, here, "results"))).surplus == [
        b"old/x",
        b"old",
        b"keep",
    ]
    synced = fetch(host, here, "results", delete=frozenset([b"old", b"old/x"]))

    assert synced.deleted == ("old/x", "old")
    assert not (here / "old").exists()
    assert (here / "keep").exists()


def test_a_folder_of_another_user_on_the_host_deletes_nothing_here(host, there, here):
    fetch(host, here, "results")
    before = lies_in(here)
    (there / "empty").rmdir()
    job = SyncJob(host.login, here, "results")

    with find_without_root(host):
        with unlisted(there / "epochs"):
            plan = blocking.wait_for(plan_download(job))
        with unlisted(there), pytest.raises(errors.CommandFailed) as refused:
            blocking.wait_for(plan_download(job))

    assert plan.surplus == [b"empty"]
    assert plan.skipped == {b"epochs": "you may not list this folder"}
    assert str(refused.value) == "results cannot be used on the host: Permission denied"
    assert "%aws_ssh ls -ld ./results" in refused.value.fix
    assert lies_in(here) == before


def test_a_listing_that_fails_half_way_deletes_nothing_here(host, there, here):
    fetch(host, here, "results")

    breaks = "case $* in *-readable*) echo Input/output error >&2; exit 1; esac"
    with (
        program(host, "find", f'/usr/bin/find "$@"; {breaks}'),
        pytest.raises(errors.CommandFailed, match="Input/output error"),
    ):
        fetch(host, here, "results", delete=frozenset([b"epochs", b"epochs/1.h5"]))

    assert (here / "epochs" / "1.h5").exists()


def test_permissions_come_home_also_where_only_they_changed(host, there, here):
    weights = there / "epochs" / "1.h5"
    weights.chmod(0o600)
    (there / "epochs").chmod(0o700)
    fetch(host, here, "results")
    first = stat.S_IMODE((here / "epochs" / "1.h5").stat().st_mode)
    weights.chmod(0o755)

    synced = fetch(host, here, "results")

    assert first == 0o600
    assert stat.S_IMODE((here / "epochs" / "1.h5").stat().st_mode) == 0o755
    assert stat.S_IMODE((here / "epochs").stat().st_mode) == 0o700
    assert (synced.files, synced.files_total, synced.bytes_total) == (1, 1, 0)
    assert fetch(host, here, "results").unchanged == 1


def test_a_new_local_folder_has_the_permissions_of_the_remote_one(host, there, here):
    there.chmod(0o700)

    fetch(host, here, "results")

    assert stat.S_IMODE(here.stat().st_mode) == 0o700


def test_what_may_be_replaced_is_replaced(host, there, here):
    (here / "epochs" / "1.h5" / "deep").mkdir(parents=True)
    (here / "epochs" / "1.h5" / "deep" / "x").write_text("old")
    (here / "empty").write_text("a file")
    refused = fetch(host, here, "results")
    plan = blocking.wait_for(plan_download(SyncJob(host.login, here, "results")))

    synced = fetch(host, here, "results", replace=frozenset(plan.in_the_way))

    assert refused.unchanged == 0
    assert dict(refused.skipped).keys() == {"epochs/1.h5", "empty"}
    assert synced.skipped == ()
    assert lies_in(here) == lies_in(there)


def test_a_sync_resumes_after_a_lost_connection(host, there, here, cut):
    (there / "large.bin").write_bytes(os.urandom(12 * 2**20))
    waited = []

    for n, synced in enumerate(
        blocking.iterate_over(download_files(SyncJob(host.login, here, "results")))
    ):
        if n < 2:
            cut()
        waited += [synced.waiting] if synced.waiting else []

    assert waited
    assert lies_in(here) == lies_in(there)


def test_a_big_file_resumes_after_the_received_part(host, there, here):
    content = os.urandom(3 * 2**20)
    (there / "big.bin").write_bytes(content)
    job = SyncJob(host.login, here, "results", big=2**20)
    _came_before(here, b"big.bin", content[: 2 * 2**20])

    events = list(blocking.iterate_over(download_files(job)))

    assert lies_in(here) == lies_in(there)
    assert events[-1].bytes == events[-1].bytes_total


def test_what_was_received_before_counts_as_space_for_the_rest(host, there, tmp_path):
    content = os.urandom(3 * 2**20)
    (there / "big.bin").write_bytes(content)
    with mount_small_disk(tmp_path / "disk", size="4m") as disk:
        here = disk.folder / "results"
        here.mkdir()
        _came_before(here, b"big.bin", content[: 2 * 2**20])

        fetch(host, here, "results", big=2**20)

        assert lies_in(here) == lies_in(there)
        (there / "more.bin").write_bytes(content)
        with pytest.raises(errors.DiskFull, match=r"3\.15 MB do not fit into"):
            fetch(host, here, "results", big=2**20)


def test_a_part_of_another_version_is_discarded(host, there, here):
    (there / "big.bin").write_bytes(b"a" * 3 * 2**20)
    _came_before(here, b"big.bin", b"b" * 2**20)

    fetch(host, here, "results", big=2**20)

    assert lies_in(here) == lies_in(there)


def test_an_unreadable_remote_file_is_skipped_and_named(host, there, here):
    (there / "other").write_text("x")
    with program(host, "tar", "exit 2"):
        synced = fetch(host, here, "results")

    assert dict(synced.skipped).keys() == {"epochs/1.h5", "other"}


def test_an_unwritable_local_folder_is_reported_with_two_lines(host, there, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(errors.BadSetting, match="cannot be written"):
        fetch(host, tmp_path / "file", "results")


@given(tree=trees, at=st.integers(0, 12_000), big=st.sampled_from([100, 2**30]))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_interruption_at_any_byte_is_repaired_by_the_next_sync(host, tree, at, big):
    with tempfile.TemporaryDirectory() as scratch:
        there, here = host.home / "any", Path(scratch)
        plant(there, tree)

        with program(host, "tar", f'/bin/tar "$@" | head -c {at}'):
            fetch(host, here, "any", big=big)
            came, whole = lies_in(here), lies_in(there)
            assert all(
                seen == whole[name]
                for name, seen in came.items()
                if not name.startswith(STAGE.encode())
            )

        fetch(host, here, "any", big=big)
        assert lies_in(here) == whole
    shutil.rmtree(there)


@given(tree=trees)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files_round_trip_through_the_host(host, tree):
    with tempfile.TemporaryDirectory() as scratch:
        one, two = Path(scratch) / "one", Path(scratch) / "two"
        plant(one, tree)

        send(host, one, "through")
        fetch(host, two, "through")

        assert lies_in(two) == lies_in(one)
    shutil.rmtree(host.home / "through")


def _came_before(here, name, content):
    import hashlib

    (here / STAGE).mkdir(parents=True)
    (here / STAGE / hashlib.sha256(name).hexdigest()[:32]).write_bytes(content)
