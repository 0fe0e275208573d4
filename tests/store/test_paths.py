from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dl_magics.errors import DiskFull, NoFolder
from dl_magics.ssh import keys, known_hosts
from dl_magics.store import ledger, logins, resizes, state
from dl_magics.store.logins import Login
from dl_magics.store.paths import data_folder
from dl_magics.store.resizes import Resize
from support.limits.disk import mount_small_disk

WRITERS = {
    "state.json": lambda word: state.update(lambda known: replace(known, idle_timeout=word)),
    "ledger.jsonl": lambda word: ledger.append(did=word),
    "logins.json": lambda word: logins.remember_login("i-1", Login(user=word)),
    "resizes.json": lambda word: resizes.begin("i-1", Resize(word, 1.0)),
    "known_hosts": lambda word: known_hosts.pin_keys("i-1", f"ssh-ed25519 {word}"),
    "keys/word": lambda word: keys.ensure_key_pair("word"),
}


def test_the_data_folder_is_dl_magics_home(home):
    assert not home.exists()

    assert data_folder() == home
    assert home.is_dir()


def test_a_subfolder_is_created_once_and_reused(home):
    (data_folder("runs") / "kept").touch()

    assert data_folder("runs") == home / "runs"
    assert (home / "runs" / "kept").exists()


def test_a_tilde_in_dl_magics_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DL_MAGICS_HOME", "~/somewhere")

    assert data_folder("runs") == tmp_path / "somewhere" / "runs"


@pytest.mark.parametrize("named", [None, ""])
def test_the_default_is_in_jupyters_data_folder(monkeypatch, tmp_path, named):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    if named is None:
        monkeypatch.delenv("DL_MAGICS_HOME")
    else:
        monkeypatch.setenv("DL_MAGICS_HOME", named)

    found = data_folder("features")

    assert found == Path(tmp_path / "jupyter" / "dl_magics" / "features")
    assert found.is_dir()


def test_a_folder_that_cannot_be_created_names_the_variable_to_set(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DL_MAGICS_HOME", str(tmp_path / "file"))

    with pytest.raises(NoFolder) as refused:
        data_folder("runs")

    assert str(tmp_path / "file") in str(refused.value)
    assert "DL_MAGICS_HOME" in refused.value.fix


@pytest.fixture
def disk(home):
    """A small disk in the place of our folder."""
    with mount_small_disk(home, "1m") as disk:
        yield disk


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_the_file_as_it_was_and_says_how_to_free_space(disk, name):
    file = disk.folder / name
    WRITERS[name]("first")
    before = file.read_bytes()
    if name.startswith("keys"):
        file.unlink()
    disk.fill()

    with pytest.raises(DiskFull, match=f"{name} was not written: No space left on device") as full:
        WRITERS[name]("x" * 10_000)

    assert "%features" in full.value.fix
    assert not file.exists() or file.read_bytes() == before
    assert list(disk.folder.rglob(".*")) == []


@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_that_is_read_only_is_said(disk, name):
    disk.make_read_only()

    with pytest.raises(NoFolder, match="Read-only file system") as refused:
        WRITERS[name]("first")

    assert "DL_MAGICS_HOME" in refused.value.fix
