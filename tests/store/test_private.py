from __future__ import annotations

import os
import stat
from contextlib import contextmanager

import pytest

from dl_magics.errors import NoFolder
from dl_magics.store import private


@contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("mask", [0, 0o022, 0o777], ids=oct)
def test_folders_and_files_are_for_their_owner_only_under_any_umask(tmp_path, mask):
    with umask(mask):
        private.ensure_folder(tmp_path / "a" / "b")
        private.touch(tmp_path / "a" / "b" / "file")
        private.create_folder(tmp_path / "c" / "d")

    assert [mode(tmp_path / each) for each in ("a", "a/b", "c", "c/d")] == [0o700] * 4
    assert mode(tmp_path / "a" / "b" / "file") == 0o600


def test_creating_a_folder_twice_is_an_error(tmp_path):
    with pytest.raises(FileExistsError):
        private.create_folder(private.create_folder(tmp_path / "run"))


@pytest.mark.parametrize("wide", [0o755, 0o777, 0o710], ids=oct)
def test_an_existing_folder_is_closed_to_other_users(tmp_path, wide):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours").chmod(wide)
    (tmp_path / "ours" / "kept").touch()

    private.ensure_folder(tmp_path / "ours")

    assert mode(tmp_path / "ours") == 0o700
    assert (tmp_path / "ours" / "kept").exists()


def test_a_link_to_a_folder_of_ones_own_is_followed(tmp_path):
    (tmp_path / "big_disk").mkdir(mode=0o755)
    (tmp_path / "features").symlink_to(tmp_path / "big_disk")

    private.ensure_folder(tmp_path / "features")

    assert mode(tmp_path / "big_disk") == 0o700


@pytest.mark.parametrize("kind", ["home", "sticky"])
def test_a_shared_folder_is_refused_and_stays_as_it_is(tmp_path, monkeypatch, kind):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777 if kind == "sticky" else 0o755)
    if kind == "home":
        monkeypatch.setenv("HOME", str(shared))
    before = mode(shared)

    with pytest.raises(NoFolder, match=str(shared)) as refused:
        private.ensure_folder(shared)

    assert "DL_MAGICS_HOME" in refused.value.fix
    assert mode(shared) == before


def test_an_existing_file_is_closed_to_other_users_and_keeps_its_content(tmp_path):
    (tmp_path / "log").write_text("first\n")
    (tmp_path / "log").chmod(0o666)

    with private.open_file(tmp_path / "log", "ab") as file:
        file.write(b"second\n")

    assert (tmp_path / "log").read_text() == "first\nsecond\n"
    assert mode(tmp_path / "log") == 0o600


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe"])
@pytest.mark.parametrize("how", ["ab", "wb", "ab+"])
def test_what_is_not_a_file_is_refused_and_left_as_it_is(tmp_path, kind, how):
    precious, path = tmp_path / "precious", tmp_path / "log"
    precious.write_text("precious")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(precious if kind == "link" else tmp_path / "new")

    with pytest.raises(NoFolder, match="is a link or a device") as refused:
        private.open_file(path, how)

    assert refused.value.fix == f"Remove it: rm '{path}'"
    assert precious.read_text() == "precious"
    assert not (tmp_path / "new").exists()
