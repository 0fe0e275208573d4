from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.training.evaluation import ablation


def test_regions_are_corners_border_and_what_is_around_the_middle():
    masks = ablation.build_regions(32)

    assert masks["the top left corner"][:8, :8].all()
    assert masks["the top left corner"].sum() == 64
    assert masks["the bottom right corner"][-1, -1]
    assert not masks["the border"][16, 16]
    assert not masks[ablation.SURROUNDINGS][16, 16]
    assert not (masks["the border"] & ~masks[ablation.SURROUNDINGS]).any()
    corners = [mask for name, mask in masks.items() if "corner" in name]
    assert sum(mask.astype(int) for mask in corners).max() == 1


@pytest.mark.parametrize("size", [4, 32, 75, 224])
def test_every_region_is_a_part_of_an_image_of_any_size(size):
    for mask in ablation.build_regions(size).values():
        assert 0 < mask.sum() < size * size


def test_the_nearest_image_has_the_most_similar_features():
    features = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], np.float32)

    assert ablation.find_nearest(features) == [1, 0, 3, 2]
    assert ablation.find_nearest(features[:1]) == [0]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_parts_are_taken_from_another_class_and_from_another_image_of_the_same(labels):
    others, same = ablation.choose_donors(labels)

    for at, label in enumerate(labels):
        assert labels[others[at]] != label or len(set(labels)) == 1
        assert labels[same[at]] == label
        assert same[at] != at or labels.count(label) == 1
    assert ablation.choose_donors(labels) == (others, same)
