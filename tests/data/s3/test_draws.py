from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from dl_magics.data import folders
from dl_magics.data.s3 import fetch
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
    listed = fetch.list_photos(address, str(home), settings={**SETTINGS, **settings})
    read_listed(address, home, listed)
    return Path(listed["path"]), listed


def read_listed(address, home, listed):
    while fetch.read_photos(address, str(home), draw=listed["draw"])["missing"]:
        pass


def names_read(s3):
    return {path.partition("/pets/")[2] for path in s3.read}


def drawn(folder, **settings):
    found = folders.find_images(folder, **{**SETTINGS, **settings})
    return [sorted(part.names) for part in (found.train, found.valid)]


@pytest.mark.parametrize("names", LAYOUTS.values(), ids=LAYOUTS)
def test_a_sample_has_the_images_of_a_copy_of_the_bucket_and_no_others_are_read(
    s3, fill, tmp_path, names
):
    copy = write(tmp_path / "copy", names)
    s3.read.clear()

    folder, listed = read(fill(names), tmp_path / "s3")

    parts = drawn(folder)
    assert parts == drawn(copy)
    assert [len(part) for part in parts] == [10, 2]
    assert names_read(s3) == {name for part in parts for name in part}
    assert all((folder / name).read_text() == name for part in parts for name in part)
    assert (listed["photos"], listed["needed"], listed["missing"]) == (len(names), 12, 12)


def test_a_larger_sample_reads_what_it_adds_and_a_run_without_one_the_rest(s3, fill, tmp_path):
    address = fill(OF_CLASSES)
    read(address, tmp_path)
    small = names_read(s3)
    s3.read.clear()

    folder, larger = read(address, tmp_path, sample=10)
    added = names_read(s3)
    s3.read.clear()
    _, whole = read(address, tmp_path, sample=None)

    assert (larger["needed"], larger["missing"]) == (24, 12)
    assert (whole["needed"], whole["missing"], whole["draw"]) == (40, 16, "")
    assert sorted([*small, *added, *names_read(s3)]) == OF_CLASSES
    assert drawn(folder, sample=None) == drawn(write(tmp_path / "copy", OF_CLASSES), sample=None)
    assert all((folder / name).read_text() == name for name in OF_CLASSES)


def test_test_images_are_read_whole(s3, fill, tmp_path):
    tests = [f"test/{name}" for name in OF_CLASSES]

    _, listed = read(fill([*LAYOUTS["train"], *tests]), tmp_path)

    assert names_read(s3) >= set(tests)
    assert listed["needed"] == len(names_read(s3)) == 12 + len(tests)


def test_runs_at_once_read_what_each_of_them_needs(s3, fill, tmp_path):
    address = fill(OF_CLASSES)
    listings = {
        sample: fetch.list_photos(address, str(tmp_path), settings={**SETTINGS, "sample": sample})
        for sample in (2, None, 8)
    }
    counts = []
    for sample in (2, 8, None):
        read_listed(address, tmp_path, listings[sample])
        counts.append(len(names_read(s3)))

    assert counts == [listings[2]["needed"], listings[8]["needed"], 40] == [6, 20, 40]


def test_a_photo_that_is_gone_before_it_is_read_leaves_no_file(s3, fill, tmp_path):
    address = fill(OF_CLASSES)
    listed = fetch.list_photos(address, str(tmp_path), settings={**SETTINGS, "sample": None})
    s3.delete(address.split("/")[2], "pets/cats/03.jpg")

    read_listed(address, tmp_path, listed)

    assert not Path(listed["path"], "cats/03.jpg").exists()
    assert len(names_read(s3)) == len(list(Path(listed["path"]).rglob("*.jpg"))) + 1


@pytest.mark.parametrize("sample", [None, 5])
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
def test_folders_that_cannot_be_trained_on_are_refused_before_a_photo_is_read(
    s3, fill, tmp_path, names, happened, fix, sample
):
    address = fill(names)

    with pytest.raises(BadData) as refused:
        read(address, tmp_path, sample=sample)

    assert happened.format(address) in str(refused.value)
    assert fix.format(address) in refused.value.fix
    assert s3.read == []
