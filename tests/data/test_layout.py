"""Folders of public data sets, by the names that they use for training and validation images."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.data.folders import find_images
from dl_magics.data.walk import name_as_text
from dl_magics.errors import BadData

# As macOS, Linux and an old Windows write the name of a folder.
WRITTEN = {
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "composed": lambda name: unicodedata.normalize("NFC", name),
    "latin-1": lambda name: os.fsdecode(name.encode("latin-1")),
}
FOLDERS = st.dictionaries(
    st.text("aezéèñ", min_size=1, max_size=3), st.sampled_from(sorted(WRITTEN)), min_size=2
)


def fill(root, *folders, n=10, first=0):
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(first, first + n):
            (root / folder / f"{i}.jpg").write_bytes(b"any")


def refusal(root):
    with pytest.raises(BadData) as caught:
        find_images(root)
    return str(caught.value), caught.value.fix


@pytest.mark.parametrize(
    ("train", "valid"),
    [
        ("train", "valid"),
        ("Train", "VAL"),
        ("training", "validation"),
        ("TRAINING_SET", "val_set"),
        ("seg_train/seg_train", "seg_val/seg_val"),
        ("train images", "validation images"),
        ("train/train", "val"),
    ],
)
def test_the_parts_are_found_by_their_common_names(tmp_path, train, valid):
    fill(tmp_path, f"{train}/cats", f"{train}/dogs")
    fill(tmp_path, f"{valid}/cats", f"{valid}/dogs", n=3)

    folder = find_images(tmp_path)

    assert folder.classes == ("cats", "dogs")
    assert folder.counts() == {
        "train": {"cats": 10, "dogs": 10},
        "valid": {"cats": 3, "dogs": 3},
    }


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train/{}", "test/{}"),
        ("Training/{}", "Testing/{}"),
        ("seg_train/seg_train/{}", "seg_test/seg_test/{}"),
        ("train/{}", "test1"),
    ],
)
def test_test_images_are_left_alone_and_validation_images_are_split_off(tmp_path, train, test):
    fill(tmp_path, train.format("cats"), train.format("dogs"))
    fill(tmp_path, test.format("cats"), test.format("dogs"), "seg_pred/seg_pred", n=3, first=50)

    folder = find_images(tmp_path)

    assert folder.classes == ("cats", "dogs")
    assert folder.counts() == {"train": {"cats": 8, "dogs": 8}, "valid": {"cats": 2, "dogs": 2}}


@pytest.mark.parametrize("name", ["train", "test", "val"])
def test_a_class_may_have_the_name_of_a_part(tmp_path, name):
    fill(tmp_path, "bus", "car", name)

    assert find_images(tmp_path).classes == tuple(sorted(["bus", "car", name]))


def test_two_folders_of_training_images_are_refused(tmp_path):
    fill(tmp_path, "train/cats", "train/dogs", "Training/cats", "Training/dogs")

    happened, fix = refusal(tmp_path)

    assert happened == f"'{tmp_path}' has 'Training' and 'train'."
    assert fix == "Keep one of them for 'train'."


def test_a_test_folder_without_training_images_is_refused(tmp_path):
    fill(tmp_path, "cats", "dogs", "test/cats", "test/dogs")

    assert refusal(tmp_path)[0] == f"'{tmp_path}' has 'test', but no 'train'."


def test_folders_that_hold_the_same_folders_are_not_taken_for_classes(tmp_path):
    fill(tmp_path, "first/cats", "first/dogs", "second/cats", "second/dogs")

    happened, fix = refusal(tmp_path)

    assert "first, second hold the same folders: cats, dogs." in happened
    assert "'train'" in fix


@pytest.mark.parametrize("parts", [["."], ["train"], ["train", "test1"]])
def test_the_classes_of_files_beside_each_other_are_guessed_from_their_names(tmp_path, parts):
    for part in parts:
        (tmp_path / part).mkdir(exist_ok=True)
        for name in ("cat", "dog"):
            for i in range(3):
                (tmp_path / part / f"{name}.{i}.jpg").touch()

    happened, fix = refusal(tmp_path)

    assert happened.endswith("has no class folders.")
    assert "look like the classes cat, dog" in fix


def test_composed_and_decomposed_letters_are_one_class(tmp_path):
    for part, form in (("train", "NFC"), ("valid", "NFD")):
        for name in ("café", "thé"):
            fill(tmp_path, f"{part}/{unicodedata.normalize(form, name)}")

    folder = find_images(tmp_path)

    assert folder.classes == ("café", "thé")
    assert folder.counts()["valid"] == {"café": 10, "thé": 10}


def test_a_name_that_is_not_utf8_is_a_class_that_can_be_written(tmp_path):
    fill(tmp_path, "cats", os.fsdecode(b"caf\xe9"))

    folder = find_images(tmp_path)

    assert [name.encode() for name in folder.classes] == [b"caf\\udce9", b"cats"]
    assert all(file.path.exists() for file in folder.train)


@given(folders=FOLDERS, has_valid=st.booleans())
def test_a_label_is_the_class_of_its_folder_however_the_names_are_written(folders, has_valid):
    with tempfile.TemporaryDirectory() as room:
        for part in ("train", "valid") if has_valid else ("train",):
            fill(
                Path(room), *(f"{part}/{WRITTEN[how](name)}" for name, how in folders.items()), n=2
            )

        found = find_images(room)

        assert found.classes == tuple(
            sorted({name_as_text(each.path.parent) for each in found.train})
        )
        assert len(found.classes) == len(folders)
        for file in (*found.train, *found.valid):
            assert found.classes[file.label] == name_as_text(file.path.parent)
