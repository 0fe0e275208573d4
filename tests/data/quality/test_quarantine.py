from __future__ import annotations

import json
import os

import pytest

from dl_magics.data import walk
from dl_magics.data.quality import quarantine
from dl_magics.errors import BadData, CannotChange
from support.images import write_pets


@pytest.fixture
def pets(tmp_path):
    return write_pets(tmp_path / "pets", train=3, valid=2)


def read_tree(folder):
    """Return the content, time and mode of all files, hidden ones too, and all folders."""
    return {
        path.relative_to(folder): (
            (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode)
            if path.is_file()
            else None
        )
        for path in folder.rglob("*")
    }


NAMES = ["train/cats/cats.0.jpg", "valid/dogs/dogs.1.jpg"]


def test_files_are_moved_out_of_sight_and_put_back_byte_for_byte(pets):
    before = read_tree(pets)
    os.utime(pets / NAMES[0], ns=(1, 1))
    before = read_tree(pets)

    moved = quarantine.quarantine_files(pets, dict.fromkeys(NAMES, "blurry"))
    visible = walk.list_files(pets)
    back = quarantine.put_back(pets)

    assert moved.count == back.count == 2
    assert not set(NAMES) & set(visible)
    assert read_tree(pets) == before


def test_several_quarantines_are_put_back_together(pets):
    before = read_tree(pets)
    for name in NAMES:
        quarantine.quarantine_files(pets, {name: "dark"})

    assert quarantine.put_back(pets).count == 2
    assert read_tree(pets) == before


def test_the_list_says_where_each_file_was_and_why(pets):
    moved = quarantine.quarantine_files(pets, {NAMES[0]: "blurry"})

    (folder,) = (pets / quarantine.FOLDER).iterdir()
    assert moved.folder == str(folder)
    lines = (folder / "list.jsonl").read_text().splitlines()
    assert list(map(json.loads, lines)) == [{"path": NAMES[0], "reason": "blurry"}]


def test_a_file_that_took_the_place_is_not_replaced(pets):
    quarantine.quarantine_files(pets, dict.fromkeys(NAMES, "dark"))
    (pets / NAMES[0]).write_bytes(b"another")

    back = quarantine.put_back(pets)

    assert back.count == 1
    assert [name for name, _ in back.left] == [NAMES[0]]
    assert (pets / NAMES[0]).read_bytes() == b"another"
    (pets / NAMES[0]).unlink()
    assert quarantine.put_back(pets).count == 1
    assert not (pets / quarantine.FOLDER).exists()


def test_an_interrupted_move_is_put_back_too(pets):
    before = read_tree(pets)
    quarantine.quarantine_files(pets, {NAMES[0]: "dark"})
    (folder,) = (pets / quarantine.FOLDER).iterdir()
    with (folder / "list.jsonl").open("a") as listed:
        listed.write(json.dumps({"path": NAMES[1], "reason": "dark"}) + '\n{"path": "tr')

    assert quarantine.put_back(pets).count == 1
    assert read_tree(pets) == before


def test_a_file_that_vanished_is_named_and_the_others_are_moved(pets):
    moved = quarantine.quarantine_files(pets, {"train/cats/none.jpg": "dark", NAMES[0]: "dark"})

    assert moved.count == 1
    assert [name for name, _ in moved.left] == ["train/cats/none.jpg"]


def test_without_hard_links_files_are_renamed_and_none_is_replaced(pets, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    before = read_tree(pets)
    quarantine.quarantine_files(pets, dict.fromkeys(NAMES, "dark"))
    (pets / NAMES[0]).write_bytes(b"another")

    assert [name for name, _ in quarantine.put_back(pets).left] == [NAMES[0]]
    (pets / NAMES[0]).unlink()
    quarantine.put_back(pets)
    assert read_tree(pets) == before


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "train/../../secret", ""])
def test_a_path_that_leads_out_of_the_folder_is_refused(pets, name):
    with pytest.raises(BadData, match="is not a path below"):
        quarantine.quarantine_files(pets, {name: "dark"})

    folder = pets / quarantine.FOLDER / "2026"
    folder.mkdir(parents=True)
    (folder / "list.jsonl").write_text(json.dumps({"path": name, "reason": ""}) + "\n")
    with pytest.raises(BadData, match="is not a path below"):
        quarantine.put_back(pets)


def test_a_folder_without_a_quarantine_says_so(pets):
    with pytest.raises(BadData, match="has no quarantine"):
        quarantine.put_back(pets)


def test_a_folder_that_cannot_be_written_is_named(pets):
    (pets / quarantine.FOLDER).write_text("in the way")

    with pytest.raises(CannotChange, match="The quarantine of"):
        quarantine.quarantine_files(pets, {NAMES[0]: "dark"})
