from __future__ import annotations

import hashlib

import numpy as np
import pytest

from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.features.stored_values import StoredValues
from dl_magics.training.engine.fine_tuning.split_store import SplitStore


def keys(*numbers):
    return [hashlib.sha256(bytes([n])).digest() for n in numbers]


def activations(*numbers):
    return np.array([[n, n + 0.5] for n in numbers], np.float32)


@pytest.fixture
def store(tmp_path):
    """A store whose features are the sums of activations; it keeps what it was asked for."""
    asked = []

    def compute(values):
        asked.append(len(values))
        return values.sum(1, keepdims=True)

    store = SplitStore(
        FeatureStore(tmp_path, {"cut": 3}, (2,)),
        FeatureStore(tmp_path, {}, (1,)),
        lambda values: (values, lambda: compute(values)),
    )
    return store, asked


def add(store, *numbers):
    with store.writer() as writer:
        writer.add(keys(*numbers), activations(*numbers))


def test_activations_are_stored_with_the_features_of_each(store):
    split, _ = store

    add(split, 1, 2)

    np.testing.assert_array_equal(split.activations.get(keys(2, 1)), activations(2, 1))
    np.testing.assert_array_equal(split.features.get(keys(2, 1)), [[4.5], [2.5]])
    assert keys(1)[0] in split
    assert keys(3)[0] not in split


def test_features_of_an_earlier_run_are_kept_and_not_computed_again(store):
    split, asked = store
    with split.features.writer() as writer:
        writer.add(keys(1, 2), np.float32([[-1], [-2]]))

    assert keys(1)[0] not in split
    add(split, 1, 2)
    add(split, 2, 3)

    assert asked == [2]
    np.testing.assert_array_equal(split.features.get(keys(1, 2, 3)), [[-1], [-2], [6.5]])
    np.testing.assert_array_equal(split.activations.get(keys(2, 3)), activations(2, 3))


def test_stored_values_are_read_as_an_array_is(store):
    split, _ = store
    add(split, 1, 2, 3, 4)
    whole = activations(4, 2, 1)

    read = StoredValues(split.activations, keys(4, 2, 1))

    np.testing.assert_array_equal(read[np.array([2, 0, 2])], whole[[2, 0, 2]])
    np.testing.assert_array_equal(read[1:9], whole[1:9])
