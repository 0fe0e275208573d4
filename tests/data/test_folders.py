from __future__ import annotations

import os

import pytest

from dl_magics.data.folders import find_files, find_images
from dl_magics.errors import BadData


def fill(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"any")


def many(*folders, n=10):
    return [f"{folder}/{i}.jpg" for folder in folders for i in range(n)]


def shown(folder, photos):
    return [photo.path.relative_to(folder.root).as_posix() for photo in photos]


def refusal(root, **options):
    with pytest.raises(BadData) as caught:
        find_images(root, **options)
    return str(caught.value), caught.value.fix


@pytest.mark.parametrize("valid", ["valid", "validation", "val", "Valid"])
def test_an_existing_valid_folder_is_used_unchanged(tmp_path, valid):
    fill(tmp_path, "train/dogs/a.jpg", "train/cats/b.jpg", "train/cats/deep/c.png")
    fill(tmp_path, f"{valid}/cats/d.jpg", f"{valid}/dogs/e.jpg")

    folder = find_images(str(tmp_path))

    assert folder.root == tmp_path
    assert folder.classes == ("cats", "dogs")
    assert shown(folder, folder.train) == [
        "train/cats/b.jpg",
        "train/cats/deep/c.png",
        "train/dogs/a.jpg",
    ]
    assert shown(folder, folder.valid) == [f"{valid}/cats/d.jpg", f"{valid}/dogs/e.jpg"]
    assert [photo.label for photo in folder.train] == [0, 0, 1]
    assert folder.counts() == {"train": {"cats": 2, "dogs": 1}, "valid": {"cats": 1, "dogs": 1}}


@pytest.mark.parametrize("base", ["", "train/"])
def test_without_a_valid_folder_each_class_is_split(tmp_path, base):
    fill(tmp_path, *many(f"{base}cats", n=10), *many(f"{base}dogs", n=20))

    folder = find_images(tmp_path, valid=0.3)

    assert folder.counts() == {"train": {"cats": 7, "dogs": 14}, "valid": {"cats": 3, "dogs": 6}}
    assert not set(folder.train) & set(folder.valid)


def test_test_and_sample_folders_beside_train_are_not_classes(tmp_path):
    fill(tmp_path, *many("train/cats", "train/dogs", "test/x", "test1", "sample/train/cats"))

    folder = find_images(tmp_path)

    assert folder.classes == ("cats", "dogs")
    assert len(folder.train) + len(folder.valid) == 20


def test_a_moved_folder_is_split_the_same(tmp_path):
    for place in ("here", "there/far"):
        fill(tmp_path / place, *many("cats", "dogs"))

    here, there = find_images(tmp_path / "here"), find_images(tmp_path / "there/far")

    assert shown(here, here.valid) == shown(there, there.valid)


def test_images_of_the_same_name_in_two_classes_are_split_independently(tmp_path):
    fill(tmp_path, *many("cats", "dogs", n=50))

    folder = find_images(tmp_path)

    drawn = [{p.path.name for p in folder.valid if p.label == label} for label in (0, 1)]
    assert drawn[0] != drawn[1]


def test_hidden_and_system_files_are_ignored(tmp_path):
    fill(tmp_path, *many("cats", "dogs", n=2), ".git/x", "__MACOSX/cats/x", "readme.txt")
    fill(tmp_path, "cats/.DS_Store", "cats/Thumbs.db", "dogs/desktop.ini")
    fill(tmp_path, "dogs/.ipynb_checkpoints/1.jpg", "dogs/.hidden.jpg")

    folder = find_images(tmp_path)

    assert folder.counts()["train"] == {"cats": 1, "dogs": 1}


def test_sidecar_files_are_not_counted_as_images(tmp_path):
    fill(tmp_path, *many("cats", "dogs"), "metadata.csv")
    for suffix in ("xml", "txt", "json", "CSV"):
        fill(tmp_path, *(f"{each}/{i}.{suffix}" for each in ("cats", "dogs") for i in range(10)))

    folder = find_images(tmp_path)

    assert folder.counts() == {"train": {"cats": 8, "dogs": 8}, "valid": {"cats": 2, "dogs": 2}}
    assert {path.suffix for path in find_files(tmp_path)} == {".jpg"}


def test_a_class_of_sidecar_files_alone_has_no_image(tmp_path):
    fill(tmp_path, *many("cats", "dogs"), "labels/1.txt")

    assert refusal(tmp_path)[0] == f"Class 'labels' has no image: '{tmp_path}/labels' is empty."


def test_a_sample_is_per_class_and_a_larger_one_contains_a_smaller_one(tmp_path):
    fill(tmp_path, *many("cats", "dogs", n=40))

    small, large = find_images(tmp_path, sample=5), find_images(tmp_path, sample=20)

    assert small.counts() == {"train": {"cats": 5, "dogs": 5}, "valid": {"cats": 1, "dogs": 1}}
    assert large.counts() == {"train": {"cats": 20, "dogs": 20}, "valid": {"cats": 4, "dogs": 4}}
    assert set(small.train) < set(large.train)
    assert set(large.train) < set(find_images(tmp_path).train)


def test_a_sample_larger_than_a_class_takes_the_whole_class(tmp_path):
    fill(tmp_path, *many("cats", "dogs"))

    assert find_images(tmp_path, sample=1000) == find_images(tmp_path)


def test_links_to_folders_are_followed_without_loops(tmp_path):
    fill(tmp_path, *many("disk/cats", "disk/dogs", "data/birds", n=2))
    (tmp_path / "data/cats").symlink_to(tmp_path / "disk/cats")
    (tmp_path / "disk/cats/up").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/cats/self").symlink_to(tmp_path / "disk/cats")
    (tmp_path / "data/birds/root").symlink_to(tmp_path / "data")
    (tmp_path / "disk/cats/back").symlink_to(tmp_path / "data")

    folder = find_images(tmp_path / "data")

    assert folder.counts() == {"train": {"birds": 1, "cats": 1}, "valid": {"birds": 1, "cats": 1}}


def test_a_dangling_link_is_listed_and_a_pipe_is_not(tmp_path):
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")

    assert find_files(tmp_path) == [tmp_path / "gone.jpg"]


def test_all_files_below_a_folder_are_found_in_order(tmp_path):
    fill(tmp_path, "b.jpg", "a/2.bin", "a/1.jpg", ".hidden")

    assert find_files(tmp_path) == [tmp_path / "a/1.jpg", tmp_path / "a/2.bin", tmp_path / "b.jpg"]
    assert find_files(tmp_path / "b.jpg") == [tmp_path / "b.jpg"]


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(BadData, match="There is no file in"):
        find_files(tmp_path)


def test_a_tilde_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    fill(tmp_path, *many("pets/cats", "pets/dogs"))

    assert find_images("~/pets").root == tmp_path / "pets"


def test_a_misspelled_folder_suggests_the_closest_name(tmp_path):
    fill(tmp_path, *many("dogscats/train/cats", "dogscats/train/dogs"))

    happened, fix = refusal(tmp_path / "dogcats" / "train")

    assert happened == f"'{tmp_path}/dogcats/train' does not exist."
    assert fix == f"Did you mean '{tmp_path}/dogscats'?"


def test_a_missing_folder_lists_the_existing_ones(tmp_path):
    fill(tmp_path, "a/1", "b/1", "c/1", "d/1", "e/1", "f/1")

    some = refusal(tmp_path / "photographs")
    none = refusal(tmp_path / "a/1/photographs")

    assert some[1] == f"Name an existing folder; '{tmp_path}' contains: a, b, c, d, e, …."
    assert none[1] == f"Name an existing folder; '{tmp_path}/a/1' contains: nothing."


def test_a_file_is_not_a_folder_of_classes(tmp_path):
    fill(tmp_path, "cat.jpg")

    happened, fix = refusal(tmp_path / "cat.jpg")

    assert happened == f"'{tmp_path}/cat.jpg' is a file."
    assert fix == "Name the folder that holds the classes."


@pytest.mark.parametrize("path", ["x" * 300, "~nobody-has-this-name/photos"])
def test_an_os_error_becomes_a_bad_data_error(path):
    happened, _ = refusal(path)

    assert path in happened
    assert "cannot be read" in happened


def test_images_outside_of_class_folders_are_refused(tmp_path):
    fill(tmp_path, "red.jpg", "blue.jpg")

    happened, fix = refusal(tmp_path)

    assert happened == f"'{tmp_path}' has no class folders."
    assert "cats/1.jpg" in fix


def test_a_single_class_is_refused(tmp_path):
    fill(tmp_path, *many("train/cats"))

    happened, fix = refusal(tmp_path)

    assert happened == f"'{tmp_path}/train' has one class only, 'cats'."
    assert fix == "Add a folder for a second class."


def test_a_parent_of_the_image_folder_suggests_the_inner_folder(tmp_path):
    fill(tmp_path, *many("dogscats/train/cats", "dogscats/valid/cats"))

    _, fix = refusal(tmp_path)

    assert fix == f"Did you mean '{tmp_path}/dogscats'?"


def test_a_valid_folder_alone_is_refused(tmp_path):
    fill(tmp_path, *many("valid/cats", "valid/dogs"))

    happened, _ = refusal(tmp_path)

    assert happened == f"'{tmp_path}' has 'valid', but no 'train'."


def test_a_class_without_a_file_is_named(tmp_path):
    fill(tmp_path, *many("cats", "dogs"), "birds/.DS_Store")

    happened, fix = refusal(tmp_path)

    assert happened == f"Class 'birds' has no image: '{tmp_path}/birds' is empty."
    assert fix == "Put images into that folder, or delete it."


def test_a_class_that_cannot_be_split_is_named(tmp_path):
    fill(tmp_path, *many("cats"), "dogs/rex.jpg")

    happened, fix = refusal(tmp_path)

    assert happened == f"Class 'dogs' has a single image, '{tmp_path}/dogs/rex.jpg'."
    assert "Add another" in fix


@pytest.mark.parametrize("extra", ["valid/dogs/.DS_Store", "readme.txt"])
def test_a_class_without_validation_images_is_named(tmp_path, extra):
    fill(tmp_path, *many("train/cats", "train/dogs", "valid/cats"), extra)

    happened, fix = refusal(tmp_path)

    assert happened == f"Class 'dogs' has no image in '{tmp_path}/valid'."
    assert f"'{tmp_path}/train/dogs'" in fix


def test_a_class_with_validation_images_only_is_named(tmp_path):
    fill(tmp_path, *many("train/cats", "train/dogs", "valid/cats", "valid/dogs", "valid/dgos"))

    happened, fix = refusal(tmp_path)

    assert happened == f"Class 'dgos' is in '{tmp_path}/valid', but not in '{tmp_path}/train'."
    assert "cats, dogs" in fix
