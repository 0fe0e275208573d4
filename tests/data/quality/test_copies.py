from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from dl_magics.data.quality import copies, measure
from support.images import encode, make_photo


@pytest.fixture
def small(tmp_path):
    def measured(picture, **options):
        path = tmp_path / "image.jpg"
        path.write_bytes(encode(picture, **options))
        return measure.measure_file(path).small

    return measured


@pytest.mark.parametrize(
    "change",
    [
        lambda photo: photo.resize((80, 60)),
        lambda photo: photo.resize((224, 224)),
        lambda photo: ImageEnhance.Brightness(photo).enhance(1.2),
        lambda photo: ImageEnhance.Contrast(photo).enhance(0.7),
        lambda photo: photo.convert("L"),
        lambda photo: photo.crop((1, 1, 159, 119)),
    ],
    ids=["smaller", "another aspect ratio", "brighter", "paler", "gray", "cropped"],
)
def test_a_changed_copy_is_nearly_the_same(small, change):
    photo = make_photo(1)

    assert list(copies.find_near_pairs([small(photo), small(change(photo))])) == [(0, 1)]


def test_different_photos_are_not_the_same(small):
    assert list(copies.find_near_pairs([small(make_photo(n)) for n in range(60)])) == []


def test_images_of_one_colour_are_not_compared(small):
    blank = [small(Image.new("RGB", (60, 60), name)) for name in ("red", "teal", "white")]

    assert list(copies.find_near_pairs(blank)) == []
    assert list(copies.find_near_pairs([])) == []


def test_pairs_are_found_across_blocks(monkeypatch):
    monkeypatch.setattr(copies, "_AT_ONCE", 3)
    chance = np.random.default_rng(0)
    small = [chance.integers(0, 256, (24, 24), np.uint8) for _ in range(10)]
    small[9], small[4] = small[1], small[3]

    assert sorted(copies.find_near_pairs(small)) == [(1, 9), (3, 4)]


@given(st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=4), max_size=12))
def test_connected_names_are_in_one_group_and_no_others(pairs):
    groups = copies.join_groups(range(21), pairs)

    assert sorted(name for group in groups for name in group) == list(range(21))
    of = {name: at for at, group in enumerate(groups) for name in group}
    assert all(len({of[name] for name in pair}) == 1 for pair in pairs)
    assert len(groups) >= 21 - sum(len(pair) - 1 for pair in pairs)
