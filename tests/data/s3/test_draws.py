from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from dl_magics.data import folders
from dl_magics.data.s3 import fetch, index
from dl_magics.errors import BadData

NUMBERS = count()
OF_CLASSES = [f"{name}/{n:02}.jpg" for name in ("cats", "dogs") for n in range(20)]
LAYOUTS = {
    "classes": OF_CLASSES,
    "train": [f"train/{name}" for name in OF_CLASSES],
    "train and valid": [f"{part}/{name}" for part in ("train", "valid") for name in OF_CLASSES],
    "deeper": [f"{part}/{part}/{name}" for part in ("train", "val") for name in OF_CLASSES],
}
SETTINGS = {"valid": 0.2, "sample": 5, "seed": 42}


@pytest.fixture
def fill(s3):
    """Fill a new bucket: each photo has its name as its content. Return the address of a folder."""

    def fill_bucket(names):
        bucket = f"drawn-{next(NUMBERS)}"
        s3.put(bucket, **{f"pets/{name}": name.encode() for name in names})
        return f"s3://{bucket}/pets"

    return fill_bucket


def write(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def read(address, home, **settings):
    """Read what a run with these settings needs; return the folder and what was listed."""
    asked = {**SETTINGS, **settings}
    listed = fetch.list_photos(address, str(home), settings=asked)
    while fetch.read_photos(address, str(home), settings=asked)["missing"]:
        pass
    return Path(listed["path"]), listed


def names_read(s3):
    return {path.partition("/pets/")[2] for path in s3.read}


def drawn(folder, **settings):
    """Return the names that the training and validation photos have as their content."""
    found = folders.find_images(folder, **{**SETTINGS, **settings})
    return [[file.path.read_text() for file in part] for part in (found.train, found.valid)]


@pytest.mark.parametrize("names", LAYOUTS.values(), ids=LAYOUTS)
def test_a_sample_has_the_images_of_a_copy_of_the_bucket_and_no_others_are_read(
    s3, fill, tmp_path, names
):
    copy = write(tmp_path / "copy", names)

    folder, listed = read(fill(names), tmp_path / "s3")

    parts = drawn(folder)
    assert parts == drawn(copy)
    assert [len(part) for part in parts] == [10, 2]
    assert names_read(s3) == {name for part in parts for name in part}
    assert (listed["photos"], listed["needed"], listed["missing"]) == (len(names), 12, 12)


def test_a_second_run_reads_nothing_and_no_folder_has_anything_but_photos(s3, fill, tmp_path):
    address = fill(OF_CLASSES)
    read(address, tmp_path)
    s3.read.clear()

    folder, listed = read(address, tmp_path)

    assert (listed["missing"], s3.read) == (0, [])
    assert {path.name for path in folder.parent.iterdir()} == {"pets", index.FILE_NAME}
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 12


def test_each_sample_and_a_run_without_one_have_folders_of_their_own(s3, fill, tmp_path):
    address = fill(OF_CLASSES)
    settings = ({}, {"sample": 10}, {"seed": 1}, {"valid": 0.4}, {"sample": None})

    found = [read(address, tmp_path, **each) for each in settings]

    assert len({folder for folder, _ in found}) == len(settings)
    assert [listed["needed"] for _, listed in found] == [12, 24, 12, 14, 40]
    copy = write(tmp_path / "copy", OF_CLASSES)
    for each, (folder, _) in zip(settings, found, strict=True):
        assert drawn(folder, **each) == drawn(copy, **each)


def test_a_sample_stays_as_it_was_while_the_bucket_grows_until_it_is_drawn_again(
    s3, fill, tmp_path
):
    address = fill(OF_CLASSES)
    folder, _ = read(address, tmp_path)
    before = drawn(folder)
    s3.put(address.split("/")[2], **{f"pets/cats/new{n}.jpg": b"new" for n in range(40)})

    read(address, tmp_path, sample=2)
    assert drawn(folder) == before

    read(address, tmp_path)
    assert "new" in drawn(folder)[0]
    assert [len(part) for part in drawn(folder)] == [10, 2]


def test_test_images_are_not_read(s3, fill, tmp_path):
    folder, _ = read(fill([*LAYOUTS["train"], *(f"test/{name}" for name in OF_CLASSES)]), tmp_path)

    assert {name.partition("/")[0] for name in names_read(s3)} == {"train"}
    assert sorted(path.name for path in folder.iterdir()) == ["train", "valid"]


@pytest.mark.parametrize(
    ("names", "happened", "fix"),
    [
        (["cats/1.jpg", "cats/2.jpg"], "'{}' has one class only, 'cats'.", "second class"),
        (
            [f"photos/{name}" for name in OF_CLASSES],
            "'{}' has one class only, 'photos'.",
            "Did you mean '{}/photos'?",
        ),
        ([*OF_CLASSES, "birds/1.jpg"], "a single image, '{}/birds/1.jpg'", "Add another"),
        (["cat.0.jpg", "cat.1.jpg", "dog.0.jpg"], "'{}' has no class folders.", "%split_data '{}'"),
    ],
    ids=["one class", "a folder above", "a single image", "no folders"],
)
def test_folders_that_no_sample_can_be_drawn_of_are_refused_before_a_photo_is_read(
    s3, fill, tmp_path, names, happened, fix
):
    address = fill(names)

    with pytest.raises(BadData) as refused:
        read(address, tmp_path)

    assert happened.format(address) in str(refused.value)
    assert fix.format(address) in refused.value.fix
    assert s3.read == []


def test_a_bucket_without_photos_is_refused(s3, fill, tmp_path):
    with pytest.raises(BadData, match="has no photos"):
        read(fill([".hidden.jpg"]), tmp_path)
