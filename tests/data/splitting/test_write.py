from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from dl_magics.data import folders
from dl_magics.data.splitting import write
from dl_magics.data.splitting.plan import SplitSettings, plan_split
from dl_magics.errors import BadData, CannotChange, DamagedFile, DiskFull
from support.images import write_photos


@pytest.fixture(scope="module")
def planned_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    write_photos(folder, [f"{name}/{n}.jpg" for name in ("cats", "dogs") for n in range(8)])
    return plan_split(str(folder), "", SplitSettings(valid=0.25, sample=2))


@pytest.fixture
def planned(planned_once, tmp_path):
    """A plan of a data set of this test."""
    shutil.copytree(planned_once.source, tmp_path / "pets")
    return replace(planned_once, source=str(tmp_path / "pets"), destination=str(tmp_path / "split"))


def read_tree(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_hard_links_are_created_and_a_run_finds_them(planned, tmp_path):
    written = write.write_split(planned)

    assert (written.links, written.copies) == (len(planned.files), 0)
    for name, original in planned.files.items():
        assert (tmp_path / "split" / name).samefile(tmp_path / "pets" / original)
    found = folders.find_images(tmp_path / "split")
    assert found.counts() == {"train": {"cats": 6, "dogs": 6}, "valid": {"cats": 2, "dogs": 2}}
    assert len(folders.find_images(tmp_path / "split" / "sample").train) == 4


def test_copies_are_files_of_their_own_with_the_same_time(planned, tmp_path):
    assert write.write_split(planned, copy=True).copies == len(planned.files)

    for name, original in planned.files.items():
        path, source = tmp_path / "split" / name, tmp_path / "pets" / original
        assert not path.samefile(source)
        assert path.read_bytes() == source.read_bytes()
        assert path.stat().st_mtime_ns == source.stat().st_mtime_ns


def test_a_disk_without_hard_links_gets_copies(planned, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)

    assert write.write_split(planned).copies == len(planned.files)


def test_the_same_split_again_creates_only_what_is_missing(planned, tmp_path):
    write.write_split(planned)
    (tmp_path / "split" / min(planned.files)).unlink()
    before = read_tree(tmp_path / "split")

    assert write.write_split(planned).links == 1
    assert write.write_split(planned).links == 0
    assert read_tree(tmp_path / "split").items() > before.items()


def test_undo_removes_what_was_created_and_leaves_the_data_set(planned, tmp_path):
    before = read_tree(tmp_path)
    for copy in (False, True):
        write.write_split(planned, copy=copy)

        removed = write.remove_split(tmp_path / "split")

        assert (removed.count, removed.kept) == (len(planned.files), ())
        assert not (tmp_path / "split").exists()
        assert read_tree(tmp_path) == before


def test_undo_keeps_files_that_are_changed_new_or_the_last_copy(planned, tmp_path):
    write.write_split(planned, copy=True)
    changed, lost, *_ = planned.files
    (tmp_path / "split" / changed).write_bytes(b"edited")
    (tmp_path / "pets" / planned.files[lost]).unlink()
    (tmp_path / "split" / "notes.md").write_text("mine")
    (tmp_path / "split" / "empty" / "of mine").mkdir(parents=True)

    removed = write.remove_split(tmp_path / "split")

    alike = [name for name in planned.files if planned.files[name] == planned.files[lost]]
    assert set(removed.kept) == {changed, *alike}
    left = {
        path.relative_to(tmp_path / "split").as_posix() for path in read_tree(tmp_path / "split")
    }
    assert left == {changed, *alike, "notes.md", "split.json"}
    assert (tmp_path / "split" / "empty" / "of mine").is_dir()


def test_a_file_that_appears_while_a_split_is_written_is_left_as_it_is(
    planned, tmp_path, monkeypatch
):
    """Between the look at a path and its creation another program may be faster."""
    link, first = os.link, next(iter(planned.files))

    def link_too_late(original, path):
        if path == tmp_path / "split" / first:
            path.write_text("another program's")
        link(original, path)

    monkeypatch.setattr(os, "link", link_too_late)

    with pytest.raises(CannotChange, match="File exists"):
        write.write_split(planned)

    assert (tmp_path / "split" / first).read_text() == "another program's"


@pytest.mark.parametrize("content", ["other.txt", "train/cats/0.jpg"])
def test_a_folder_that_holds_anything_else_is_refused(planned, tmp_path, content):
    path = tmp_path / "split" / content
    path.parent.mkdir(parents=True)
    path.write_text("mine")

    with pytest.raises(BadData, match="exists and is not empty"):
        write.write_split(planned)

    assert list(read_tree(tmp_path / "split").values()) == [b"mine"]


def test_another_split_in_the_folder_is_refused(planned, tmp_path):
    write.write_split(planned)
    before = read_tree(tmp_path / "split")
    other = replace(planned, files=dict(list(planned.files.items())[1:]))

    with pytest.raises(BadData, match="holds another split"):
        write.write_split(other)

    assert read_tree(tmp_path / "split") == before


def test_the_data_set_itself_is_no_new_folder(planned):
    with pytest.raises(BadData, match="holds the images that are split"):
        write.write_split(replace(planned, destination=planned.source))


def test_an_image_that_vanished_is_named(planned, tmp_path):
    (tmp_path / "pets" / "cats" / "0.jpg").unlink()

    for copy in (False, True):
        with pytest.raises(BadData, match=r"cats/0\.jpg' has vanished"):
            write.write_split(replace(planned, destination=str(tmp_path / str(copy))), copy=copy)


def test_copies_that_do_not_fit_are_refused_first(planned, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    with pytest.raises(DiskFull, match="The copies need"):
        write.write_split(planned, copy=True)

    assert not (tmp_path / "split").exists()


def test_a_folder_that_cannot_be_written_is_named(planned, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(CannotChange, match="cannot be written"):
        write.write_split(replace(planned, destination=str(tmp_path / "file" / "split")))


def test_undo_of_another_folder_is_refused(planned, tmp_path):
    with pytest.raises(BadData, match="is not a folder that %split_data created"):
        write.remove_split(tmp_path / "pets")
    (tmp_path / "pets" / "split.json").write_text("{")
    with pytest.raises(DamagedFile, match=r"split\.json' cannot be read"):
        write.remove_split(tmp_path / "pets")


@pytest.mark.parametrize("name", ["../out.jpg", "/tmp/out.jpg"])
def test_a_path_that_leads_out_of_the_folder_is_refused(planned, tmp_path, name):
    with pytest.raises(BadData, match="is not a path in the folder"):
        write.write_split(replace(planned, files={name: "cats/0.jpg"}))
