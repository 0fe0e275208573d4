"""What changes in a local folder while it is sent does not send other files of this computer."""

from __future__ import annotations

import os
from contextlib import nullcontext

import pytest

from dl_magics import errors
from dl_magics.ssh import blocking
from dl_magics.sync.spec import SyncJob
from dl_magics.sync.upload import upload_files


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    (folder / "sub").mkdir(parents=True)
    for name in ("a", "sub/b"):
        (folder / name).write_bytes(b"x" * 2**20)
    return folder


@pytest.fixture
def secret(tmp_path):
    folder = tmp_path / "secret"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_bytes(b"s" * 2**20)
    return folder


@pytest.mark.parametrize("big", [2**10, 2**30], ids=["alone", "together"])
def test_a_file_that_becomes_a_link_is_not_read_through_it(host, here, secret, big):
    events = blocking.iterate_over(upload_files(SyncJob(host.login, here, "up", big=big)))
    next(events)
    (here / "a").unlink()
    (here / "a").symlink_to(secret / "a")
    (here / "sub").rename(here / "moved")
    (here / "sub").symlink_to(secret)

    list(events)

    arrived = [each for each in (host.home / "up").rglob("*") if each.is_file()]
    assert all(b"s" not in each.read_bytes() for each in arrived)


@pytest.mark.parametrize("big", [2**10, 2**30], ids=["alone", "together"])
def test_a_file_that_becomes_a_pipe_does_not_block(host, here, big):
    events = blocking.iterate_over(upload_files(SyncJob(host.login, here, "up", big=big)))
    next(events)
    (here / "a").unlink()
    os.mkfifo(here / "a")

    last = list(events)[-1]

    assert last.done
    assert not (host.home / "up" / "a").exists()
    assert (host.home / "up" / "sub" / "b").exists()


@pytest.mark.parametrize(
    ("big", "ends"),
    [
        (2**10, pytest.raises(errors.NoSuchFile, match="here cannot be listed")),
        (2**30, nullcontext()),
    ],
    ids=["alone", "together"],
)
def test_a_folder_that_is_moved_away_is_named_and_ends(host, here, big, ends):
    events = blocking.iterate_over(upload_files(SyncJob(host.login, here, "up", big=big)))
    seen = [next(events)]
    here.rename(here.with_name("moved"))

    with ends as raised:
        seen += events

    assert raised or seen[-1].done
    assert not list((host.home / "up").rglob("a"))
