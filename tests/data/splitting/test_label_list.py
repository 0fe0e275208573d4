from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.data.splitting.label_list import read_labels
from dl_magics.errors import BadData

NAMES = ["train/a1.jpg", "train/b2.jpg", "train/c3.png"]
LABELS = {"train/a1.jpg": "cat", "train/b2.jpg": "dog", "train/c3.png": "cat"}
RECORDS = [{"id": "a1", "breed": "cat"}, {"id": "b2", "breed": "dog"}, {"id": "c3", "breed": "cat"}]
COCO = {
    "images": [{"id": n, "file_name": name} for n, name in enumerate(NAMES)],
    "annotations": [{"image_id": n, "category_id": n % 2 + 5} for n in range(3)],
    "categories": [{"id": 5, "name": "cat"}, {"id": 6, "name": "dog"}],
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", "id,breed\na1,cat\nb2,dog\nc3,cat\n"),
        ("train.csv", "image_id,label,split\na1.jpg,cat,x\nb2.jpg,dog,x\nc3.png,cat,x\n"),
        ("semicolon.csv", "label;Image\ncat;train/a1.jpg\ndog;train/b2.jpg\ncat;train/c3.png\n"),
        ("mark.csv", "\ufeffid,class\r\na1,cat\r\nb2,dog\r\nc3,cat\r\n"),
        ("quoted.csv", 'id,species\n"a1","cat"\n"b2",dog\nc3,cat\nmissing,cow\n'),
        ("one_hot.csv", "image_id,cat,dog\na1,1,0\nb2,0,1\nc3,1.0,0.0\n"),
        ("table.tsv", "id\tbreed\na1\tcat\nb2\tdog\nc3\tcat\n"),
        ("object.json", json.dumps({"a1.jpg": "cat", "b2.jpg": "dog", "c3.png": "cat"})),
        ("records.json", json.dumps(RECORDS)),
        ("records.jsonl", "\n".join(map(json.dumps, RECORDS))),
        ("coco.json", json.dumps(COCO)),
    ],
)
def test_lists_as_kaggle_gives_them_are_read(tmp_path, name, text):
    (tmp_path / name).write_text(text)

    assert read_labels(tmp_path / name, NAMES) == LABELS


def test_numbers_are_classes_and_rows_without_a_class_are_left_out(tmp_path):
    (tmp_path / "train.csv").write_text("image,level\na1,0\nb2,4\nc3,\n")

    labels = read_labels(tmp_path / "train.csv", NAMES)

    assert labels == {"train/a1.jpg": "0", "train/b2.jpg": "4"}


def test_the_column_can_be_named(tmp_path):
    (tmp_path / "list.csv").write_text("id,sex,age\na1,f,old\nb2,m,young\nc3,f,old\n")

    with pytest.raises(BadData, match="several columns that may be the class: sex, age"):
        read_labels(tmp_path / "list.csv", NAMES)
    assert set(read_labels(tmp_path / "list.csv", NAMES, "age").values()) == {"old", "young"}
    with pytest.raises(BadData, match="has no column 'colour'"):
        read_labels(tmp_path / "list.csv", NAMES, "colour")


DIGITS = [f"{n}.png" for n in range(20)]


@pytest.mark.parametrize("column", ["", "label"])
@pytest.mark.parametrize("suffix", [".png", ""])
def test_labels_that_are_also_names_of_files_are_not_taken_for_them(tmp_path, column, suffix):
    rows = "".join(f"{n % 10},{n}{suffix}\n" for n in range(20))
    (tmp_path / "list.csv").write_text(f"label,image\n{rows}")

    labels = read_labels(tmp_path / "list.csv", DIGITS, column)

    assert labels == {name: str(n % 10) for n, name in enumerate(DIGITS)}


def test_a_column_of_names_with_suffixes_is_preferred_to_one_of_numbers(tmp_path):
    rows = "".join(f"{19 - n},{n}.png,{n % 2}\n" for n in range(20))
    (tmp_path / "list.csv").write_text(f"rank,image,label\n{rows}")

    labels = read_labels(tmp_path / "list.csv", DIGITS)

    assert labels == {name: str(n % 2) for n, name in enumerate(DIGITS)}


def test_the_column_that_is_named_cannot_be_the_only_one(tmp_path):
    (tmp_path / "list.csv").write_text("image\n1.png\n2.png\n")

    with pytest.raises(BadData, match="names the images: it has image") as refused:
        read_labels(tmp_path / "list.csv", DIGITS, "image")
    assert "--column" in refused.value.fix


def test_a_name_that_several_files_have_is_none_of_them(tmp_path):
    (tmp_path / "list.csv").write_text("id,label\n1,cat\nb/1.jpg,dog\n")

    assert read_labels(tmp_path / "list.csv", ["a/1.jpg", "b/1.jpg"]) == {"b/1.jpg": "dog"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "has no rows"),
        ("id,label\nx,cat\ny,dog\n", "No column of 'list.csv' names the images"),
        ("id,label\na1,cat\na1,dog\n", "two classes: cat and dog"),
        ("id,label\n\xff\udcff", "cannot be read as a list"),
    ],
)
def test_a_list_that_says_nothing_clear_is_refused(tmp_path, text, error):
    (tmp_path / "list.csv").write_bytes(text.encode("latin-1", "replace"))

    with pytest.raises(BadData, match=error):
        read_labels(tmp_path / "list.csv", NAMES)


@given(st.sampled_from(["list.csv", "list.json", "list.jsonl", "list.tsv"]), st.binary())
def test_no_content_stops_the_reading(tmp_path_factory, name, content):
    path = tmp_path_factory.mktemp("lists") / name
    path.write_bytes(content)

    with pytest.raises(BadData):
        read_labels(path, NAMES)
