from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.data.deep_gray import GrayRange
from dl_magics.training.crew.batches import (
    BadFeatures,
    Batch,
    Photo,
    pack_failure,
    pack_features,
    unpack_features,
)

PHOTOS = st.builds(
    Photo,
    st.binary(max_size=40),
    st.booleans(),
    st.integers(0, 100),
    st.binary(max_size=32),
    st.none() | st.builds(GrayRange, st.floats(0, 1e6), st.floats(0, 1e6)),
)


@given(st.integers(1, 4096), st.integers(0, 2**32 - 1), st.lists(PHOTOS, max_size=5))
def test_a_batch_arrives_as_it_was_sent(size, seed, photos):
    batch = Batch(size, seed, photos)

    assert Batch.unpack(batch.pack()) == batch


def test_features_arrive_as_they_were_computed():
    features = np.random.default_rng(1).normal(size=(3, 2, 5)).astype(np.float32)

    assert unpack_features(pack_features(features), (3, 2, 5)).tobytes() == features.tobytes()


def header(values, data=b""):
    text = json.dumps(values).encode()
    return struct.pack(">I", len(text)) + text + data


GOOD = pack_features(np.ones((2, 3), np.float32))


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "it sent something else than features"),
        (b"\x00", "it sent something else than features"),
        (b"\xff\xff\xff\xff", "it sent something else than features"),
        (header([1, 2]), "it sent something else than features"),
        (header({}), "of the shape None, not [2, 3]"),
        (header({"shape": [2, 3]}), "of the shape [2, 3], not [2, 3]"),
        (header({"shape": "x" * 1000}, GOOD), "of the shape xxx"),
        (GOOD[:-1], "of the shape [2, 3], not [2, 3]"),
        (GOOD + b"\x00", "of the shape [2, 3], not [2, 3]"),
        (pack_features(np.ones((3, 2), np.float32)), "of the shape [3, 2], not [2, 3]"),
        (pack_features(np.full((2, 3), np.nan, np.float32)), "values that are not finite"),
        (pack_features(np.full((2, 3), -np.inf, np.float32)), "values that are not finite"),
        (pack_failure("MemoryError: full"), "it failed: MemoryError: full"),
    ],
)
def test_what_is_not_the_features_of_a_batch_is_refused(sent, why):
    with pytest.raises(BadFeatures) as refused:
        unpack_features(sent, (2, 3))

    assert why in str(refused.value)
    assert len(str(refused.value)) < 400
