from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.training.engine.features.key_index import (
    KeyIndex,
    list_first,
    list_repeated,
    list_starts,
    pack_keys,
)

# Few starts and few ends, so that many keys begin alike and some are equal.
KEYS = st.lists(
    st.tuples(st.sampled_from([b"\0", b"a", b"\xff"]), st.sampled_from([b"\0", b"y", b"z"])).map(
        lambda ends: ends[0].ljust(8, b"\0") + ends[1].rjust(24, b"\0")
    ),
    max_size=12,
)


@given(KEYS)
def test_first_and_repeated_keys_are_found_by_all_their_bytes(keys):
    packed = pack_keys(keys)

    assert list(list_first(packed)) == [n for n, key in enumerate(keys) if key not in keys[:n]]
    assert list(list_repeated(packed)) == [n for n, key in enumerate(keys) if keys.count(key) > 1]


@given(st.lists(KEYS, max_size=6), KEYS)
def test_an_index_gives_every_place_of_keys_that_begin_alike_the_last_first(batches, asked):
    index = KeyIndex()
    places: dict[bytes, list[int]] = {}
    first = 0
    for batch in batches:
        index.add(list_starts(pack_keys(batch)), first)
        for place, key in enumerate(batch, first):
            places.setdefault(key[:8], []).append(place)
        first += len(batch)

    assert [index.list_places(key) for key in asked] == [
        places.get(key[:8], [])[::-1] for key in asked
    ]
    assert list(index.find_last(pack_keys(asked))) == [
        places.get(key[:8], [-1])[-1] for key in asked
    ]


def test_an_index_of_many_batches_has_few_arrays():
    index = KeyIndex()
    random = np.random.default_rng(0)
    for first in range(0, 1000, 10):
        index.add(random.integers(0, 2**63, 10, np.uint64), first)

    assert len(index._levels) <= 8
