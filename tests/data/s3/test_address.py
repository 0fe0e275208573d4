from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.data import walk
from dl_magics.data.s3.address import add_mark, find_fault, is_photo, parse_address
from dl_magics.errors import BadData


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("s3://my-photos", "my-photos", ""),
        ("s3://my-photos/", "my-photos", ""),
        ("s3://my.photos/pets/train", "my.photos", "pets/train/"),
        ("S3://my-photos/pets//", "my-photos", "pets/"),
    ],
)
def test_an_address_is_a_bucket_and_a_folder_in_it(text, bucket, prefix):
    found = parse_address(text)

    assert (found.bucket, found.prefix) == (bucket, prefix)


@pytest.mark.parametrize(
    "text", ["s3://", "s3://My-Photos/pets", "s3://a", "s3://../pets", "s3:///pets", "s3://a..b/c"]
)
def test_what_is_no_bucket_is_refused_with_the_form_of_an_address(text):
    with pytest.raises(BadData) as caught:
        parse_address(text)

    assert text in str(caught.value)
    assert "s3://BUCKET/FOLDER" in caught.value.fix


def test_two_addresses_have_two_folders():
    texts = ["s3://pets", "s3://pets/a", "s3://pets/a-b", "s3://pets/a/b"]

    assert len({parse_address(each).name_folder() for each in texts}) == len(texts)


@pytest.mark.parametrize(
    "name",
    [
        *("../a.jpg", "cats/../../a.jpg", "/etc/passwd", "cats//1.jpg", "./a.jpg", ""),
        *("a\0.jpg", "a\n.jpg", "a\x9b31m.jpg", "cats\\..\\1.jpg", "c:1.jpg", "cats/con.jpg"),
        *("cats./1.jpg", "cats /1.jpg", "x" * 256, "é" * 128, "/".join(["folder"] * 101)),
        "bad\udcff.jpg",
    ],
)
def test_a_key_that_cannot_be_a_file_below_the_folder_is_named_with_the_reason(name):
    assert find_fault(name)


@given(st.text(max_size=30))
def test_a_name_without_fault_stays_below_its_folder(name):
    if not find_fault(name):
        assert Path("/photos", name).resolve().is_relative_to("/photos")
        assert PurePosixPath(name).as_posix() == name


@pytest.mark.parametrize("name", ["cats/1.jpg", "Katzen/Mäuse 1.JPG", "a/b/c/d.webp", "1"])
def test_a_usual_name_has_no_fault(name):
    assert find_fault(name) == ""
    assert is_photo(name)


@pytest.mark.parametrize("name", ["cats/", ".DS_Store", "cats/.hidden/1.jpg", "labels.csv"])
def test_folders_hidden_files_and_sidecars_are_no_photos(name):
    assert not is_photo(name)


def test_a_marked_name_keeps_its_folder_and_suffix():
    assert PurePosixPath(add_mark("cats/A.jpg", "x")).match("cats/A~????????.jpg")


def test_a_magic_that_reads_folders_only_says_how_to_copy_a_bucket():
    with pytest.raises(BadData) as caught:
        walk.existing_path("s3://my-photos/pets")

    assert "aws s3 sync s3://my-photos/pets photos" in caught.value.fix


@pytest.mark.parametrize("text", ["s3:/pets/cats", "S3:pets/cats", "s3:\\\\pets/cats"])
def test_an_address_with_other_slashes_is_refused_with_the_one_that_is_meant(text):
    with pytest.raises(BadData) as caught:
        walk.existing_path(text)

    assert text in str(caught.value)
    assert caught.value.fix.startswith("%%finetune s3://pets/cats reads a bucket")
