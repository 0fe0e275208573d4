from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dl_magics.data.quality import check, folder_rules, image_rules
from dl_magics.data.quality.findings import KINDS
from dl_magics.data.quality.measure import ImageFacts, measure_file
from dl_magics.errors import BadData
from support.images import encode, make_photo, plant_faults, write_pets, write_photos

FORMATS = ("jpeg", "png", "gif", "webp", "bmp", "tiff", "ppm", "jpeg2000", "ico", "tga")


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return write_pets(tmp_path_factory.mktemp("pets"))


def paths_by_kind(findings):
    return {each.kind: {item.path for item in each.items} for each in findings.found}


def test_nothing_is_found_in_a_data_set_without_a_fault(pets):
    findings = check.check_images(pets)

    assert findings.found == ()
    assert findings.images == 32
    assert findings.counts["valid"] == {"cats": 4, "dogs": 4}


def test_each_planted_fault_is_found_and_nothing_else(tmp_path):
    planted = plant_faults(write_pets(tmp_path))

    found = paths_by_kind(check.check_images(tmp_path))

    assert len(planted) >= 15
    assert found == planted


@pytest.mark.parametrize(
    ("names", "kind", "path"),
    [
        (["cats/1.jpg", "cats/2.jpg", "dogs/1.jpg"], "few_images", "dogs"),
        ([f"cats/{n}.jpg" for n in range(10)] + ["dogs/1.jpg", "dogs/2.jpg"], "imbalance", "cats"),
        (["train/cats/1.jpg", "train/dogs/1.jpg", "old/1.jpg"], "unused", "old/"),
        (["1.jpg", "2.jpg"], "layout", "'{}' has no class folders."),
        (
            ["train/a/1.jpg", "train/b/1.jpg", "valid/a/1.jpg", "valid/c/1.jpg"],
            "layout",
            "valid/c",
        ),
    ],
)
def test_what_is_wrong_with_the_folders_is_found(tmp_path, names, kind, path):
    write_photos(tmp_path, names)

    assert path.format(tmp_path) in paths_by_kind(check.check_images(tmp_path))[kind]


def test_a_test_folder_is_compared_with_the_training_images(tmp_path):
    write_photos(tmp_path, ["train/cats/1.jpg", "train/dogs/2.jpg", "test/9.jpg"])
    (tmp_path / "test" / "1.jpg").write_bytes((tmp_path / "train/cats/1.jpg").read_bytes())

    assert paths_by_kind(check.check_images(tmp_path))["leak"] == {"train/cats/1.jpg"}


def test_a_folder_of_grayscale_images_is_none_of_colour_images(tmp_path):
    for n in range(8):
        path = tmp_path / ("cats", "dogs")[n % 2] / f"{n}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(make_photo(n).convert("L"), "png"))

    assert check.check_images(tmp_path).found == ()


@settings(max_examples=40)
@given(st.sampled_from(FORMATS), st.sampled_from(["RGB", "L"]), st.integers(0, 2000), st.data())
def test_damaged_files_of_every_format_never_stop_a_check(tmp_path_factory, kind, mode, cut, data):
    whole = bytearray(encode(make_photo(3, (40, 30)).convert(mode), kind))
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=20)):
        whole[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / "image"
    path.write_bytes(whole[: len(whole) - cut] if cut < len(whole) else whole)

    facts = measure_file(path)

    assert facts.reason or (facts.width > 0 and facts.small is not None)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (2, 2), (300, 2)])
def test_images_of_a_few_pixels_are_measured(tmp_path, size):
    path = tmp_path / "image.png"
    path.write_bytes(encode(Image.new("RGB", size), "png"))

    assert (measure_file(path).width, measure_file(path).height) == size


def test_a_file_that_cannot_be_read_has_a_reason(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "missing")

    assert "No such file" in measure_file(tmp_path / "link").reason
    assert measure_file(tmp_path).reason


def test_the_size_is_that_of_the_turned_image(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    path.write_bytes(encode(make_photo(1), exif=exif.tobytes()))

    assert (measure_file(path).width, measure_file(path).height) == (120, 160)


def test_an_image_has_one_fault_of_its_size_and_one_of_its_look():
    facts = ImageFacts(1, b"", "jpeg", "", 20, 4000, small=np.zeros((24, 24), np.uint8))

    found = image_rules.judge_images({"a.jpg": facts, "b.jpg": replace(facts, color=9.0)})

    assert {kind for kind in found if found[kind]} == {"odd_shape", "low_information"}


def test_every_kind_is_explained():
    assert all(each.one and each.many and each.why for each in KINDS.values())
    assert set(folder_rules.judge_folders.__annotations__)


def test_progress_counts_the_files(pets):
    seen = []

    check.check_images(pets, lambda done, total: seen.append((done, total)))

    assert seen == [(n, 32) for n in range(1, 33)]


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(BadData, match="There is no file"):
        check.check_images(tmp_path)
    with pytest.raises(BadData, match="does not exist"):
        check.check_images(Path(tmp_path, "missing"))
