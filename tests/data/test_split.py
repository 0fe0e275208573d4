from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dl_magics.data.split import shuffle_names, split_names

names = st.sets(st.text(min_size=1), min_size=2, max_size=60)
fractions = st.floats(0.01, 0.99)
seeds = st.integers(0, 2**32)


@given(names, fractions, seeds)
def test_each_name_is_in_one_set(found, fraction, seed):
    train, valid = split_names(found, fraction, seed)

    assert sorted(train + valid) == sorted(found)
    assert train
    assert valid


@given(names, fractions, seeds)
def test_the_fraction_is_exact_up_to_rounding(found, fraction, seed):
    _, valid = split_names(found, fraction, seed)

    wanted = min(max(len(found) * fraction, 1), len(found) - 1)
    assert abs(len(valid) - wanted) <= 0.5


@given(names, fractions, seeds, st.randoms())
def test_the_split_does_not_depend_on_the_order_of_names(found, fraction, seed, chance):
    mixed = sorted(found)
    chance.shuffle(mixed)

    assert split_names(mixed, fraction, seed) == split_names(sorted(found), fraction, seed)


@given(names, names, fractions, seeds)
def test_new_names_move_at_most_as_many_old_ones(found, added, fraction, seed):
    before = split_names(found, fraction, seed)

    after = split_names(found | added, fraction, seed)

    moved = set(before[0]) & set(after[1]) | set(before[1]) & set(after[0])
    assert len(moved) <= len(added - found)


def test_a_single_name_is_for_training_and_no_names_give_empty_sets():
    alone = split_names(["cats/1.jpg"], 0.5, 42)
    none = split_names([], 0.5, 42)

    assert alone == (["cats/1.jpg"], [])
    assert none == ([], [])


def test_another_seed_gives_another_split():
    found = [f"cats/{n}.jpg" for n in range(100)]

    assert set(split_names(found, 0.2, 1)[1]) != set(split_names(found, 0.2, 2)[1])


def test_the_split_is_the_same_in_every_release():
    found = [f"cats/{n}.jpg" for n in range(10)]

    _, valid = split_names(found, 0.2, 42)

    assert valid == ["cats/9.jpg", "cats/7.jpg"]


def test_a_name_that_is_not_valid_utf_8_is_accepted():
    assert shuffle_names(["b\udcff.jpg"], 42) == ["b\udcff.jpg"]
