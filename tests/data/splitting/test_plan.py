from __future__ import annotations

import shutil
from collections import Counter

import pytest

from dl_magics.data import folders
from dl_magics.data.splitting.plan import SplitSettings, plan_split
from dl_magics.errors import BadData, BadSetting
from support.images import encode, make_photo, write_photos


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    write_photos(folder, [f"{name}/{n}.jpg" for name in ("cats", "dogs") for n in range(20)])
    return folder


def plan(folder, **settings):
    return plan_split(str(folder), f"{folder}-split", SplitSettings(**settings))


def parts_of(planned):
    return {
        name: path.partition("/")[0]
        for path, name in planned.files.items()
        if not path.startswith("sample/")
    }


def test_folders_of_classes_become_folders_of_parts(pets):
    planned = plan(pets, valid=0.2, test=0.1)

    assert planned.counts == {
        "train": {"cats": 14, "dogs": 14},
        "valid": {"cats": 4, "dogs": 4},
        "test": {"cats": 2, "dogs": 2},
    }
    assert all(path.split("/")[1:] == name.split("/") for path, name in planned.files.items())


def test_the_validation_images_are_those_of_a_run_on_the_folder(pets):
    planned = plan(pets, valid=0.2)

    valid = {
        path.name for path in folders.find_images(pets, valid=0.2).valid for path in [path.path]
    }
    assert {
        name.partition("/")[2] for name, part in parts_of(planned).items() if part == "valid"
    } == valid


def test_a_sample_holds_images_of_training_and_of_validation(pets):
    planned = plan(pets, valid=0.25, sample=8)

    assert planned.counts["sample/train"] == {"cats": 8, "dogs": 8}
    assert planned.counts["sample/valid"] == {"cats": 2, "dogs": 2}
    for path, name in planned.files.items():
        if path.startswith("sample/"):
            assert path.split("/")[1] == parts_of(planned)[name]


def test_numbered_names_are_classes(tmp_path):
    write_photos(tmp_path, [f"{name}.{n}.jpg" for name in ("cat", "dog") for n in range(5)])
    write_photos(tmp_path, ["readme.jpg"], 50)

    planned = plan(tmp_path)

    assert planned.counts["valid"] == {"cat": 1, "dog": 1}
    assert planned.unused == {"readme.jpg": "no class"}
    assert "train/cat/cat.0.jpg" in planned.files or "valid/cat/cat.0.jpg" in planned.files


def test_a_list_names_the_classes(tmp_path):
    images = tmp_path / "images"
    write_photos(images, [f"{n}.jpg" for n in range(10)])
    rows = "".join(f"{n},{'even' if n % 2 == 0 else 'odd'}\n" for n in range(9))
    (tmp_path / "train.csv").write_text("id,label\n" + rows)

    planned = plan(images, list_file=str(tmp_path / "train.csv"))

    assert planned.counts["train"] == {"even": 4, "odd": 3}
    assert planned.unused == {"9.jpg": "no class"}


def test_a_folder_with_train_alone_is_split_further(tmp_path):
    write_photos(tmp_path, [f"train/{name}/{n}.jpg" for name in "ab" for n in range(5)])
    write_photos(tmp_path, ["test/1.jpg"], 90)

    assert plan(tmp_path).counts == {"train": {"a": 4, "b": 4}, "valid": {"a": 1, "b": 1}}


def test_copies_and_images_that_look_the_same_are_in_one_part(tmp_path):
    write_photos(tmp_path, [f"{name}/{n}.jpg" for name in ("cats", "dogs") for n in range(10)])
    pairs = [(f"cats/{n}.jpg", f"cats/{n}-copy.jpg") for n in range(5)]
    for original, copy in pairs:
        shutil.copy(tmp_path / original, tmp_path / copy)
    for n in range(5, 9):
        pairs.append((f"cats/{n}.jpg", f"dogs/{n}-small.jpg"))
        small = make_photo(n).resize((80, 60))
        (tmp_path / f"dogs/{n}-small.jpg").write_bytes(encode(small, quality=60))

    for seed in range(5):
        planned = plan(tmp_path, valid=0.3, seed=seed)
        parts = parts_of(planned)
        assert all(parts[one] == parts[other] for one, other in pairs)
        assert planned.together == 18
    assert plan(tmp_path, near=False).together == 10


def test_groups_by_name_are_in_one_part(tmp_path):
    names = [
        f"{name}/p{patient}_{n}.jpg" for name in "ab" for patient in range(8) for n in range(3)
    ]
    write_photos(tmp_path, names)

    parts = parts_of(plan(tmp_path, valid=0.25, group=r"p\d+"))
    held = Counter((name.partition("/")[2].partition("_")[0], part) for name, part in parts.items())

    assert all(count == 6 for count in held.values())
    assert {part for _, part in held} == {"train", "valid"}


def test_files_that_are_no_images_are_left_out(pets, tmp_path):
    folder = tmp_path / "pets"
    shutil.copytree(pets, folder)
    (folder / "cats" / "x.jpg").write_bytes(b"")
    (folder / "cats" / "y.jpg").write_bytes(encode(make_photo(1))[:-500])

    planned = plan(folder)

    assert planned.unused == {"cats/x.jpg": "empty file", "cats/y.jpg": "JPEG is cut short"}
    assert planned.counts == plan(pets).counts


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        *(
            ({"valid": each}, f"--valid must be a fraction between 0 and 1, got {each}")
            for each in (0, -1, 1, 1.5, float("nan"))
        ),
        ({"test": -0.1}, "--test must be a fraction from 0 to below 1, got -0.1"),
        ({"valid": 0.5, "test": 0.5}, "leave no images for training"),
        ({"sample": -1}, "must be a number of images"),
        ({"group": "("}, "is not a regular expression"),
    ],
)
def test_settings_without_a_sense_are_refused(settings, error):
    with pytest.raises(BadSetting, match=error):
        SplitSettings(**settings)


def test_a_group_that_matches_nothing_is_refused(pets):
    with pytest.raises(BadSetting, match="matches no file name"):
        plan(pets, group="patient")


def test_images_without_classes_are_refused_with_the_lists_that_lie_there(tmp_path):
    write_photos(tmp_path, ["x.jpg", "y.jpg"])
    (tmp_path / "train.csv").write_text("id,label\n")

    with pytest.raises(BadData, match="has no folders of classes") as refused:
        plan(tmp_path)

    assert f"--list '{tmp_path}/train.csv'" in refused.value.fix


def test_a_data_set_that_is_split_is_refused(tmp_path):
    write_photos(tmp_path, [f"{part}/{name}/1.jpg" for part in ("train", "val") for name in "ab"])

    with pytest.raises(BadData, match="is split already: it has 'train' and 'val'"):
        plan(tmp_path)


@pytest.mark.parametrize("label", ["a/b", "..", ".hidden", "a:b"])
def test_a_class_that_cannot_be_a_folder_is_refused(tmp_path, label):
    write_photos(tmp_path, ["1.jpg", "2.jpg"])
    (tmp_path / "list.csv").write_text(f"id,label\n1,{label}\n2,b\n")

    with pytest.raises(BadData, match="cannot be the name of a folder"):
        plan(tmp_path, list_file=str(tmp_path / "list.csv"))
