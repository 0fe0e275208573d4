from __future__ import annotations

import pytest

from dl_magics.actions.results.bias import groups
from dl_magics.errors import BadSetting
from support.evaluations import make_photo


def make_photos(folder, images, right):
    return [
        make_photo(
            f"valid/cats/{folder}-{n}.jpg", "cats", *((0.9, 0.1) if n < right else (0.1, 0.9))
        )
        for n in range(images)
    ]


PHOTOS = [*make_photos("camera1", 40, 38), *make_photos("camera2", 40, 20)]


def test_groups_are_what_the_pattern_finds_the_worst_first():
    found = groups.list_groups(PHOTOS, r"camera\d")

    assert [(each.name, each.right, each.images) for each in found] == [
        ("camera2", 20, 40),
        ("camera1", 38, 40),
    ]
    assert [each.verdict for each in found] == ["worse than the others", "better than the others"]


def test_parentheses_name_the_group_and_images_without_one_are_kept():
    found = groups.list_groups([*PHOTOS, make_photo("x.jpg", "cats", 1, 0)], r"camera(\d)-")

    assert {each.name for each in found} == {"1", "2", groups.NO_GROUP}


def test_a_difference_that_chance_explains_is_none():
    photos = [*make_photos("camera1", 12, 11), *make_photos("camera2", 12, 9)]

    assert {each.verdict for each in groups.list_groups(photos, r"camera\d")} == {""}


def test_few_images_are_said():
    photos = [*make_photos("camera1", 40, 38), *make_photos("camera2", 3, 2)]

    worst, _ = groups.list_groups(photos, r"camera\d")

    assert (worst.name, worst.verdict) == ("camera2", "few images")


@pytest.mark.parametrize(
    ("pattern", "says"),
    [("camera(", "is no regular expression"), ("scanner", "is in the path of none of 80 images")],
)
def test_a_pattern_that_cannot_group_is_an_error(pattern, says):
    with pytest.raises(BadSetting, match=says):
        groups.list_groups(PHOTOS, pattern)


def test_classes_are_groups():
    photos = [*PHOTOS, make_photo("1.jpg", "dogs", 0.1, 0.9)]

    assert [each.name for each in groups.list_classes(photos)] == ["cats", "dogs"]
