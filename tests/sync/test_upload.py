from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dl_magics import errors
from dl_magics.ssh import blocking
from dl_magics.sync.diff import STAGE
from dl_magics.sync.spec import SyncJob
from dl_magics.sync.upload import plan_upload, upload_files
from support.files import (
    find_without_root,
    lies_in,
    plant,
    program,
    send,
    trees,
    unlisted,
    without_root,
)


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    (folder / "cats").mkdir(parents=True)
    (folder / "cats" / "1.jpg").write_bytes(b"meow")
    (folder / "dogs").mkdir()
    return folder


def test_a_folder_is_uploaded_unchanged(host, here):
    synced = send(host, here)

    assert lies_in(host.home / "data") == lies_in(here)
    assert (synced.files, synced.files_total, synced.bytes_total, synced.done) == (1, 1, 4, True)


def test_unchanged_files_are_not_sent_again(host, here):
    send(host, here)
    (here / "cats" / "2.jpg").write_bytes(b"purr")

    synced = send(host, here)

    assert (synced.files_total, synced.unchanged) == (1, 1)
    assert lies_in(host.home / "data") == lies_in(here)
    assert send(host, here).files_total == 0


def test_a_changed_file_replaces_the_old_one(host, here):
    send(host, here)
    (here / "cats" / "1.jpg").write_bytes(b"hiss")

    assert send(host, here).files_total == 1
    assert (host.home / "data" / "cats" / "1.jpg").read_bytes() == b"hiss"


def test_a_single_file_is_uploaded(host, here):
    (here / "notes.ipynb").write_text("{}")
    (host.home / "other").write_text("stays")

    send(host, here, ".", names=("notes.ipynb",))

    assert (host.home / "notes.ipynb").read_text() == "{}"
    assert not (host.home / "cats").exists()
    assert not (host.home / STAGE).exists()


def test_inside_links_are_uploaded_and_outside_links_are_skipped(host, here):
    (here / "first").symlink_to("cats/1.jpg")
    (here / "cats" / "up").symlink_to("../../secret")
    (here / "absolute").symlink_to("/etc/passwd")

    synced = send(host, here)

    there = host.home / "data"
    assert (there / "first").readlink() == Path("cats/1.jpg")
    why = "the link points outside the folder"
    assert dict(synced.skipped) == {"cats/up": why, "absolute": why}
    assert not (there / "absolute").is_symlink()


def test_special_files_are_skipped_and_named(host, here):
    os.mkfifo(here / "pipe")
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(here):
        listening.bind("sock")

        synced = send(host, here)

    assert [name for name, _ in synced.skipped] == ["pipe", "sock"]
    assert "Skipped 2: pipe (not a regular file" in repr(synced)


def test_a_file_does_not_replace_a_folder_of_the_same_name(host, here):
    (host.home / "data" / "cats" / "1.jpg").mkdir(parents=True)
    (host.home / "data" / "dogs").write_text("a file")
    (here / "dogs" / "2.jpg").write_bytes(b"wuff")

    synced = send(host, here)

    assert dict(synced.skipped) == {
        "cats/1.jpg": "the destination has a folder of this name; --replace replaces it",
        "dogs": "the destination has a file of this name; --replace replaces it",
        "dogs/2.jpg": "its folder was skipped",
    }
    assert (host.home / "data" / "dogs").read_text() == "a file"


def test_only_confirmed_remote_files_are_deleted(host, here):
    old = host.home / "data" / "old"
    (old / "deep").mkdir(parents=True)
    (old / "deep" / "x").write_text("x")
    (host.home / "data" / "keep").write_text("came after the question")
    job = SyncJob(host.login, here, "data", delete=frozenset([b"old", b"old/deep", b"old/deep/x"]))

    send(host, here)
    assert (old / "deep" / "x").exists()

    assert blocking.wait_for(plan_upload(job)).surplus == [
        b"old/deep/x",
        b"old/deep",
        b"old",
        b"keep",
    ]
    synced = list(blocking.iterate_over(upload_files(job)))[-1]
    assert set(synced.deleted) == {"old", "old/deep", "old/deep/x"}
    assert not old.exists()
    assert (host.home / "data" / "keep").exists()


def test_a_local_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(host, here):
    send(host, here)
    before = lies_in(host.home / "data")
    with unlisted(here):
        refused = plan_without_root(SyncJob(host.login, here, "data"))
    with unlisted(here / "cats"):
        planned = plan_without_root(SyncJob(host.login, here, "data"))
    (here / "dogs").rmdir()
    with unlisted(here / "cats"):
        less = plan_without_root(SyncJob(host.login, here, "data"))

    assert str(refused) == f"{here} cannot be listed: Permission denied."
    assert "right to read this folder" in refused.fix
    assert planned.surplus == []
    assert planned.skipped == {b"cats": "you may not list this folder"}
    assert less.surplus == [b"dogs"]
    assert lies_in(host.home / "data") == before


def plan_without_root(job):
    """Return what an ordinary user's upload would change, or why it is refused."""
    code = """if True:
        import pickle, sys
        from dl_magics.errors import DLMagicsError
        from dl_magics.ssh import blocking
        from dl_magics.sync.upload import plan_upload
        try:
            found = blocking.wait_for(plan_upload(pickle.load(sys.stdin.buffer)))
        except DLMagicsError as error:
            found = type(error), str(error), error.fix
        sys.stdout.buffer.write(pickle.dumps(found))
    """
    command = [*without_root(), sys.executable, "-c", code]
    done = subprocess.run(command, input=pickle.dumps(job), stdout=subprocess.PIPE, check=True)
    found = pickle.loads(done.stdout)
    return found[0](found[1], fix=found[2]) if isinstance(found, tuple) else found


def test_a_folder_of_another_user_on_the_host_is_left_alone_and_named(host, here):
    send(host, here)
    theirs = host.home / "data" / "theirs" / "deep"
    theirs.mkdir(parents=True)
    (theirs / "x").write_text("x")
    (here / "cats" / "2.jpg").write_bytes(b"purr")
    (host.home / "data" / "old").write_text("old")
    job = SyncJob(host.login, here, "data", replace=frozenset([b"theirs", b"theirs/deep"]))

    with find_without_root(host), unlisted(theirs):
        plan = blocking.wait_for(plan_upload(job))
        (here / "theirs").write_text("a file")
        in_the_way = blocking.wait_for(plan_upload(job))
        with unlisted(host.home / "data" / "cats"):
            synced = send(host, here)

    assert plan.surplus == [b"old"]
    assert plan.skipped == {b"theirs/deep": "you may not list this folder"}
    assert in_the_way.cleared == []
    assert dict(synced.skipped)["cats/2.jpg"] == "its folder was skipped"
    assert (theirs / "x").exists()


def test_a_change_of_permissions_alone_is_sent_without_the_content(host, here):
    there = host.home / "data" / "cats" / "1.jpg"
    send(host, here)
    (here / "cats" / "1.jpg").chmod(0o700)
    (here / "dogs").chmod(0o750)

    synced = send(host, here)

    assert stat.S_IMODE(there.stat().st_mode) == 0o700
    assert stat.S_IMODE((host.home / "data" / "dogs").stat().st_mode) == 0o750
    assert (synced.files, synced.files_total, synced.bytes_total) == (1, 1, 0)
    assert send(host, here).unchanged == 1


def test_a_new_remote_folder_has_the_permissions_of_the_local_one(host, here):
    here.chmod(0o700)

    send(host, here, "deep/private")

    assert stat.S_IMODE((host.home / "deep" / "private").stat().st_mode) == 0o700


def test_a_host_that_refuses_permissions_is_named_and_the_rest_arrives(host, here):
    send(host, here)
    (here / "cats" / "1.jpg").chmod(0o700)
    (here / "new").write_text("x")

    with program(host, "chmod", "exit 1"):
        synced = send(host, here)

    assert dict(synced.skipped) == {"cats/1.jpg": "the host refused to change permissions"}
    assert (host.home / "data" / "new").read_text() == "x"


def test_what_may_be_replaced_is_replaced(host, here):
    there = host.home / "data"
    (there / "cats" / "1.jpg" / "deep").mkdir(parents=True)
    (there / "cats" / "1.jpg" / "deep" / "x").write_text("old")
    (there / "dogs").write_text("a file")
    (here / "dogs" / "2.jpg").write_bytes(b"wuff")
    refused = send(host, here)
    plan = blocking.wait_for(plan_upload(SyncJob(host.login, here, "data")))

    synced = send(host, here, replace=frozenset(plan.in_the_way))

    assert refused.unchanged == 0
    assert len(refused.skipped) == 3
    assert plan.in_the_way == [b"cats/1.jpg/deep/x", b"cats/1.jpg/deep", b"cats/1.jpg", b"dogs"]
    assert synced.skipped == ()
    assert lies_in(there) == lies_in(here)


def test_a_file_that_changes_while_it_is_read_is_sent_again(host, here):
    growing = here / "growing.log"
    growing.write_bytes(b"x" * 2**22)

    seen = []
    for synced in blocking.iterate_over(upload_files(SyncJob(host.login, here, "data"))):
        if not seen:
            growing.write_bytes(b"y" * 100)
        seen.append(synced)

    assert (host.home / "data" / "growing.log").read_bytes() == b"y" * 100
    assert seen[-1].skipped == ()


def test_a_full_disk_is_reported_and_leaves_no_incomplete_file(host, here):
    (here / "large.bin").write_bytes(bytes(3 * 2**20))
    complaint = "tar: large: Cannot write: No space left on device"
    with (
        program(host, "tar", f"head -c 100000 >/dev/null; echo '{complaint}' >&2; exit 2"),
        pytest.raises(errors.DiskFull, match="disk of gpu is full") as refused,
    ):
        send(host, here)

    assert "Free some space on the host" in refused.value.fix
    assert not (host.home / "data" / "large.bin").exists()
    assert send(host, here).done
    assert lies_in(host.home / "data") == lies_in(here)


def test_an_unwritable_remote_folder_is_reported_with_two_lines(host, here):
    (host.home / "taken").write_text("")

    with pytest.raises(errors.CommandFailed, match="cannot be used on the host"):
        send(host, here, "taken")


def test_a_file_deleted_during_the_upload_is_named(host, here):
    (here / "gone").write_text("x")
    events = blocking.iterate_over(upload_files(SyncJob(host.login, here, "data")))
    next(events)
    (here / "gone").unlink()

    last = list(events)[-1]

    assert dict(last.skipped) == {"gone": "no such file or directory"}
    assert (host.home / "data" / "cats" / "1.jpg").exists()


def test_a_big_file_deleted_during_the_upload_is_skipped(host, here):
    (here / "big.bin").write_bytes(b"x" * 2 * 2**20)
    events = blocking.iterate_over(upload_files(SyncJob(host.login, here, "data", big=2**20)))
    next(events)
    (here / "big.bin").unlink()

    updates = list(events)

    assert updates[-1].done
    assert not any(synced.waiting for synced in updates)
    assert lies_in(host.home / "data") == lies_in(here)


def test_a_sync_resumes_after_a_lost_connection(host, here, cut):
    (here / "large.bin").write_bytes(os.urandom(12 * 2**20))
    waited = []

    for n, synced in enumerate(
        blocking.iterate_over(upload_files(SyncJob(host.login, here, "data")))
    ):
        if n < 2:
            cut()
        waited += [synced.waiting] if synced.waiting else []

    assert waited
    assert lies_in(host.home / "data") == lies_in(here)


def test_a_big_file_resumes_after_the_received_part(host, here):
    content = os.urandom(6 * 2**20)
    (here / "big.bin").write_bytes(content)
    new = host.home / "data" / STAGE / "new"
    new.mkdir(parents=True)
    (new / "big.bin").write_bytes(content[: 4 * 2**20])

    with program(host, "cat", f"/usr/bin/tee {host.folder}/sent"):
        events = list(
            blocking.iterate_over(upload_files(SyncJob(host.login, here, "data", big=2**20)))
        )

    assert events[0].bytes_total == 6 * 2**20 + len(b"meow")
    assert (host.folder / "sent").stat().st_size == 2 * 2**20
    assert lies_in(host.home / "data") == lies_in(here)


def test_an_upload_does_not_resume_from_a_part_of_another_version(host, here):
    (here / "big.bin").write_bytes(b"a" * 3 * 2**20)
    new = host.home / "data" / STAGE / "new"
    new.mkdir(parents=True)
    (new / "big.bin").write_bytes(b"b" * 2**20)

    send(host, here, big=2**20)

    assert lies_in(host.home / "data") == lies_in(here)


def test_two_streams_share_many_files_on_a_fast_connection(host, here):
    for n in range(24):
        (here / "cats" / f"large{n}.jpg").write_bytes(os.urandom(2**20))

    with program(host, "tar", f'echo once >>{host.folder}/tars; exec /bin/tar "$@"'):
        send(host, here)

    assert (host.folder / "tars").read_text() == "once\n" * 2
    assert lies_in(host.home / "data") == lies_in(here)
    assert not (host.home / "data" / STAGE).exists()


def test_a_second_stream_takes_half_of_a_big_file_on_a_fast_connection(host, here):
    (here / "big.bin").write_bytes(os.urandom(50 * 2**20))

    with program(host, "cat", f"echo once >>{host.folder}/cats; exec /bin/cat"):
        send(host, here, big=2**20)

    assert (host.folder / "cats").read_text().count("once") >= 2
    assert lies_in(host.home / "data") == lies_in(here)


@given(tree=trees)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_tree_is_uploaded_and_the_second_sync_sends_nothing(host, tree):
    with tempfile.TemporaryDirectory() as scratch:
        plant(Path(scratch), tree)

        send(host, Path(scratch), "any")

        assert lies_in(host.home / "any") == lies_in(Path(scratch))
        assert send(host, Path(scratch), "any").files_total == 0
    shutil.rmtree(host.home / "any")


@given(tree=trees, at=st.integers(0, 12_000))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_interruption_at_any_byte_is_repaired_by_the_next_sync(host, tree, at):
    with tempfile.TemporaryDirectory() as scratch:
        here, there = Path(scratch), host.home / "torn"
        plant(here, tree)

        with program(host, "tar", f'head -c {at} | /bin/tar "$@"'):
            with contextlib.suppress(errors.CommandFailed):
                send(host, here, "torn")
            whole = lies_in(here)
            assert all(
                whole[name] == seen
                for name, seen in lies_in(there).items()
                if not name.startswith(STAGE.encode())
            )

        send(host, here, "torn")
        assert lies_in(there) == whole
    shutil.rmtree(there)


@given(cuts=st.lists(st.integers(0, 4), max_size=3))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_interrupted_sync_resumes_when_repeated(host, here, cuts):
    (here / "large.bin").write_bytes(os.urandom(5 * 2**20))

    for at in cuts:
        events = blocking.iterate_over(upload_files(SyncJob(host.login, here, "data", big=2**20)))
        for _ in range(at):
            next(events, None)
        events.close()

    send(host, here, big=2**20)
    assert lies_in(host.home / "data") == lies_in(here)
