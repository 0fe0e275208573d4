from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dl_magics.data.split import split_names
from dl_magics.data.splitting.assign import assign_parts
from dl_magics.errors import BadData

seeds = st.integers(0, 2**32)
fractions = st.fixed_dictionaries(
    {"valid": st.floats(0.05, 0.45), "test": st.sampled_from([0.0, 0.1, 0.25, 0.45])}
)
sizes = st.dictionaries(st.sampled_from("abcd"), st.integers(3, 40), min_size=2)


def name_all(sizes):
    return {f"{label}/{n}.jpg": label for label, size in sizes.items() for n in range(size)}


def alone(labels):
    return [[name] for name in labels]


@st.composite
def grouped(draw):
    """Labels, and groups of them, some across classes; each class has enough left over."""
    labels = name_all(
        draw(st.dictionaries(st.sampled_from("abc"), st.integers(25, 40), min_size=2))
    )
    names = sorted(labels)
    draw(st.randoms()).shuffle(names)
    groups, rest = [], names
    for size in draw(st.lists(st.integers(2, 4), max_size=8)):
        groups.append(rest[:size])
        rest = rest[size:]
    return labels, groups + alone(rest)


@given(sizes, fractions, seeds)
def test_each_image_is_in_one_part_and_each_class_is_split_within_one_image(sizes, fractions, seed):
    labels = name_all(sizes)

    parts = assign_parts(labels, alone(labels), fractions, seed)

    assert parts.keys() == labels.keys()
    held = Counter((parts[name], label) for name, label in labels.items())
    for label, size in sizes.items():
        assert held["train", label]
        for part in ("valid", "test"):
            assert abs(held[part, label] - fractions[part] * size) <= 1
            assert bool(held[part, label]) is bool(fractions[part])


@given(grouped(), fractions, seeds)
def test_groups_are_not_broken_and_the_parts_of_each_class_stay_within_a_group(
    grouped, fractions, seed
):
    labels, groups = grouped

    parts = assign_parts(labels, groups, fractions, seed)

    assert parts.keys() == labels.keys()
    assert all(len({parts[name] for name in group}) == 1 for group in groups)
    largest = max(map(len, groups))
    held = Counter((parts[name], label) for name, label in labels.items())
    for label, size in Counter(labels.values()).items():
        for part in ("valid", "test"):
            assert abs(held[part, label] - fractions[part] * size) <= largest


@given(grouped(), fractions, seeds, st.randoms())
def test_the_same_names_and_seed_give_the_same_parts_in_any_order(grouped, fractions, seed, chance):
    labels, groups = grouped
    mixed = list(labels.items())
    chance.shuffle(mixed)
    mixed_groups = [chance.sample(group, len(group)) for group in groups]
    chance.shuffle(mixed_groups)

    assert assign_parts(dict(mixed), mixed_groups, fractions, seed) == assign_parts(
        labels, groups, fractions, seed
    )


@given(sizes, st.floats(0.05, 0.9), seeds)
def test_without_groups_the_validation_images_are_those_of_a_run(sizes, valid, seed):
    labels = name_all(sizes)

    parts = assign_parts(labels, alone(labels), {"valid": valid}, seed)

    for label in sizes:
        own = [name for name, each in labels.items() if each == label]
        assert {name for name in own if parts[name] == "valid"} == set(
            split_names(own, valid, seed)[1]
        )


@given(sizes, fractions, seeds)
def test_a_new_image_moves_few_others(sizes, fractions, seed):
    labels = name_all(sizes)
    before = assign_parts(labels, alone(labels), fractions, seed)
    label = min(sizes)
    labels[f"{label}/new.jpg"] = label

    after = assign_parts(labels, alone(labels), fractions, seed)

    # In the order of a class, the end of "valid" moves by one image, that of "test" by two.
    assert sum(before[name] != after[name] for name in before) <= 3


@given(seeds)
def test_a_group_that_is_larger_than_a_part_leaves_an_image_for_it(seed):
    labels = name_all({"a": 20, "b": 20})
    big = [name for name in labels if name != "a/0.jpg" and labels[name] == "a"]

    parts = assign_parts(labels, [big, *alone(labels.keys() - set(big))], {"valid": 0.2}, seed)

    assert {parts[name] for name in big} == {"train"}
    assert parts["a/0.jpg"] == "valid"


def test_a_class_that_is_one_group_is_refused():
    labels = name_all({"a": 5, "b": 5})
    groups = [[name for name in labels if labels[name] == "a"]]

    with pytest.raises(BadData, match="Class 'a' cannot be in train and valid"):
        assign_parts(labels, groups + alone([f"b/{n}.jpg" for n in range(5)]), {"valid": 0.2}, 1)


@pytest.mark.parametrize(("size", "test"), [(1, 0.0), (2, 0.1)])
def test_a_class_with_fewer_images_than_parts_is_refused(size, test):
    labels = name_all({"a": 9, "b": size})

    with pytest.raises(BadData, match=rf"Class 'b' has {size} image"):
        assign_parts(labels, alone(labels), {"valid": 0.2, "test": test}, 1)


@given(fractions, seeds)
def test_the_smallest_class_that_fits_has_an_image_in_each_part(fractions, seed):
    assume(fractions["test"])
    labels = name_all({"a": 3, "b": 30})

    parts = assign_parts(labels, alone(labels), fractions, seed)

    assert {parts[f"a/{n}.jpg"] for n in range(3)} == {"train", "valid", "test"}
