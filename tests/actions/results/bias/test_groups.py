from __future__ import annotations

import itertools
import math

import numpy as np
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


@pytest.mark.parametrize(
    ("number", "images", "right"),
    [(300, 3, 0.9), (100, 5, 0.95), (100, 20, 0.9), (20, 10, 0.95), (2, 200, 0.8)],
)
def test_where_all_are_alike_a_group_is_named_in_less_than_one_of_twenty_reports(
    number, images, right
):
    random = np.random.default_rng(0)
    named = 0
    for _ in range(40):
        photos = [
            photo
            for n, hits in enumerate(random.binomial(images, right, number))
            for photo in make_photos(f"patient{n}", images, hits)
        ]
        found = groups.list_groups(photos, r"patient\d+")
        named += any(each.verdict not in ("", "few images") for each in found)

    assert named <= 2


def test_the_worse_group_of_many_is_found():
    photos = [each for n in range(50) for each in make_photos(f"patient{n}", 20, 19)]

    found = groups.list_groups([*photos, *make_photos("patient99", 20, 9)], r"patient\d+")

    assert [each.name for each in found if each.is_worse] == ["patient99"]


def test_of_very_many_images_a_small_difference_is_no_chance():
    worst, best = (
        groups.GroupResult(name, right, 400_000, other, 400_000, groups=2)
        for name, right, other in (("a", 396_000, 397_000), ("b", 397_000, 396_000))
    )

    assert (worst.verdict, best.verdict) == ("worse than the others", "better than the others")


def test_worse_is_what_fishers_exact_test_says():
    for images, others in ((6, 6), (6, 20), (15, 9)):
        for right, of_others in itertools.product(range(images + 1), range(others + 1)):
            found = groups.GroupResult("a", right, images, of_others, others, groups=2)
            both = right + of_others
            as_few = sum(
                math.comb(images, n) * math.comb(others, both - n)
                for n in range(right + 1)
                if n <= both
            )

            assert found.is_worse == (as_few / math.comb(images + others, both) < 0.05 / 4)


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
