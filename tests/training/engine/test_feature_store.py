from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dl_magics.training.engine.feature_store import FeatureStore
from support import startup

SHAPE = (3,)
RECORD = 64 + 4 * 3

WRITE_FOR_EVER = """
import sys
from itertools import count
from pathlib import Path

from dl_magics.training.engine.feature_store import FeatureStore
from test_feature_store import batch

store = FeatureStore(Path(sys.argv[1]), {"model": "m"}, (3,))
with store.writer() as writer:
    for at in count(0, 50):
        writer.add(*batch(range(at, at + 50)))
        print(at + 50, flush=True)
"""
WRITE_A_LITTLE = """
import sys
from pathlib import Path

from dl_magics.training.engine.feature_store import FeatureStore
from test_feature_store import batch

store = FeatureStore(Path(sys.argv[1]), {"model": "m"}, (3,))
start = int(sys.argv[2])
with store.writer() as writer:
    print("open", flush=True)
    sys.stdin.readline()
    for at in range(start, start + 400, 4):
        writer.add(*batch(range(at, at + 4)))
"""


def key(n):
    return hashlib.sha256(str(n).encode()).digest()


def values(n, version=0):
    return np.array([n, n + 0.5, version], np.float32)


def batch(numbers, version=0):
    numbers = list(numbers)
    features = np.array([values(n, version) for n in numbers], np.float32).reshape(-1, *SHAPE)
    return [key(n) for n in numbers], features


def opened(folder, **space):
    return FeatureStore(folder, {"model": "m", **space}, SHAPE)


def write(store, numbers):
    with store.writer() as writer:
        writer.add(*batch(numbers))


def blocks(folder):
    return sorted(folder.glob("*/*.block"))


def python(code, *arguments):
    here = Path(__file__).parent
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": startup.join_paths(here, here.parents[1])},
    )


class AnyLife(RuleBasedStateMachine):
    """Any sequence of operations and damage: the store returns what was written, or nothing."""

    @initialize()
    def begin(self):
        self.room = tempfile.TemporaryDirectory(prefix="dl-magics-features-")
        self.folder = Path(self.room.name)
        self.store = opened(self.folder)
        self.whole = set()

    def teardown(self):
        self.room.cleanup()

    @rule(numbers=st.lists(st.integers(0, 20), max_size=6, unique=True))
    def write(self, numbers):
        write(self.store, numbers)

        assert all(key(n) in self.store for n in numbers)
        self.whole |= set(numbers)

    @rule(numbers=st.lists(st.integers(0, 20), min_size=2, max_size=6, unique=True))
    def write_what_is_missing(self, numbers):
        missing = [n for n in numbers if key(n) not in self.store]

        write(self.store, missing)
        self.store = opened(self.folder)

        assert all(key(n) in self.store for n in missing)
        self.whole |= set(missing)

    @rule(
        ours=st.lists(st.integers(0, 20), min_size=1, max_size=4, unique=True),
        theirs=st.lists(st.integers(0, 20), min_size=1, max_size=4, unique=True),
    )
    def two_write_at_once(self, ours, theirs):
        other = opened(self.folder)

        with self.store.writer() as mine, other.writer() as yours:
            mine.add(*batch(ours[:1]))
            yours.add(*batch(theirs[:1]))
            mine.add(*batch(ours[1:]))
            yours.add(*batch(theirs[1:]))
        self.store = opened(self.folder)

        assert all(key(n) in self.store for n in (*ours, *theirs))
        self.whole |= {*ours, *theirs}

    @rule()
    def reopen(self):
        self.store = opened(self.folder)

        assert all(key(n) in self.store for n in self.whole)

    @rule(block=st.integers(0, 100), size=st.integers(0, 10**6))
    def tear_the_tail_of_a_block(self, block, size):
        if not blocks(self.folder):
            return
        torn = blocks(self.folder)[block % len(blocks(self.folder))]

        del self.store
        os.truncate(torn, size % (torn.stat().st_size + 1))
        self.store = opened(self.folder)

        self.whole = {n for n in self.whole if key(n) in self.store}

    @rule(block=st.integers(0, 100), at=st.integers(0, 10**6), mask=st.integers(1, 255))
    def flip_a_byte(self, block, at, mask):
        sizeable = [each for each in blocks(self.folder) if each.stat().st_size]
        if not sizeable:
            return
        flipped = sizeable[block % len(sizeable)]

        del self.store
        data = bytearray(flipped.read_bytes())
        data[at % len(data)] ^= mask
        flipped.write_bytes(data)
        self.store = opened(self.folder)

        self.whole = {n for n in self.whole if key(n) in self.store}

    @invariant()
    def what_it_gives_is_what_was_written(self):
        for n in range(-1, 21):
            try:
                found = opened(self.folder).get([key(n)])
            except KeyError:
                assert key(n) not in self.store
            else:
                np.testing.assert_array_equal(found, [values(n)])
                np.testing.assert_array_equal(self.store.get([key(n)]), [values(n)])


AnyLife.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestAnyLife = AnyLife.TestCase


def test_features_are_returned_in_the_order_of_keys_with_repeats(tmp_path):
    store = opened(tmp_path)
    write(store, range(4))
    write(store, range(4, 8))

    found = store.get([key(n) for n in (6, 1, 1, 7, 0, 6)])

    np.testing.assert_array_equal(found[:, 0], [6, 1, 1, 7, 0, 6])
    assert found.dtype == np.float32
    assert found.flags.writeable


def test_no_keys_give_an_empty_array(tmp_path):
    assert opened(tmp_path).get([]).shape == (0, 3)


def test_returned_arrays_may_be_modified(tmp_path):
    store = opened(tmp_path)
    write(store, [1])

    store.get([key(1)])[:] = 0

    np.testing.assert_array_equal(store.get([key(1)]), [values(1)])


def test_an_unknown_key_raises_key_error(tmp_path):
    store = opened(tmp_path)
    write(store, [1])

    with pytest.raises(KeyError):
        store.get([key(1), key(2)])


def test_a_damaged_record_raises_key_error(tmp_path):
    write(opened(tmp_path), [1, 2])
    (block,) = blocks(tmp_path)
    data = bytearray(block.read_bytes())
    data[-1] ^= 1
    block.write_bytes(data)

    store = opened(tmp_path)

    np.testing.assert_array_equal(store.get([key(1)]), [values(1)])
    with pytest.raises(KeyError):
        store.get([key(2)])


def test_an_undamaged_record_in_any_block_is_used(tmp_path):
    first, second = opened(tmp_path), opened(tmp_path)
    write(first, [1])
    write(second, [1])

    for block in blocks(tmp_path):
        sound = block.read_bytes()
        block.write_bytes(sound[:-1] + b"\x7f")
        np.testing.assert_array_equal(opened(tmp_path).get([key(1)]), [values(1)])
        block.write_bytes(sound)


@pytest.mark.parametrize(
    "other", [{"model": "n"}, {"weights": "w"}, {"image_size": 64}, {"precision": "half"}]
)
def test_spaces_are_separate(tmp_path, other):
    write(opened(tmp_path), [1])

    assert key(1) not in opened(tmp_path, **other)


def test_features_of_another_shape_are_another_space(tmp_path):
    write(opened(tmp_path), [1])

    assert key(1) not in FeatureStore(tmp_path, {"model": "m"}, (4,))


def test_the_order_of_keys_does_not_change_the_space(tmp_path):
    write(FeatureStore(tmp_path, {"a": 1, "b": 2}, SHAPE), [1])

    assert key(1) in FeatureStore(tmp_path, {"b": 2, "a": 1}, SHAPE)


def test_feature_maps_are_stored_unchanged(tmp_path):
    maps = np.random.default_rng(0).normal(size=(3, 2, 2, 5)).astype(np.float32)
    with FeatureStore(tmp_path, {}, (2, 2, 5)).writer() as writer:
        writer.add([key(n) for n in range(3)], maps)

    found = FeatureStore(tmp_path, {}, (2, 2, 5)).get([key(n) for n in (2, 0, 1)])

    np.testing.assert_array_equal(found, maps[[2, 0, 1]])


@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_values_of_16_bits_are_stored_exactly_in_half_the_space(tmp_path, stored):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    computed = np.random.default_rng(0).normal(0, 30, (4, 2, 2, 50))
    computed = computed.astype(ml_dtypes.bfloat16 if stored == "bfloat16" else np.float16)
    keys = [key(n) for n in range(4)]
    half = FeatureStore(tmp_path, {}, (2, 2, 50), stored)
    with half.writer() as writer:
        writer.add(keys, computed.astype(np.float32))

    found = FeatureStore(tmp_path, {}, (2, 2, 50), stored).get(keys)

    np.testing.assert_array_equal(found, computed.astype(np.float32))
    assert found.dtype == np.float32
    assert half.record_bytes == 64 + 2 * 200
    assert keys[0] not in FeatureStore(tmp_path, {}, (2, 2, 50))


def test_an_unused_writer_leaves_no_file(tmp_path):
    write(opened(tmp_path), [])

    assert blocks(tmp_path) == []


def test_the_number_of_open_files_stays_limited(tmp_path):
    resource = pytest.importorskip("resource")
    store = opened(tmp_path)
    for n in range(150):
        write(store, [n])
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = sum(1 for _ in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 100, before[1]))

    try:
        found = opened(tmp_path).get([key(n) for n in range(150)])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    np.testing.assert_array_equal(found[:, 0], range(150))


def test_a_killed_writer_loses_only_unreported_records(tmp_path):
    writer = python(WRITE_FOR_EVER, tmp_path)
    reported = [int(writer.stdout.readline()) for _ in range(20)][-1]

    writer.kill()
    writer.communicate()
    (block,) = blocks(tmp_path)
    os.truncate(block, block.stat().st_size - block.stat().st_size % RECORD + RECORD // 2)
    store = opened(tmp_path)

    found = store.get([key(n) for n in range(reported)])
    np.testing.assert_array_equal(found, batch(range(reported))[1])
    write(store, range(10**6, 10**6 + 3))
    assert key(10**6) in opened(tmp_path)
    assert key(reported - 1) in opened(tmp_path)


@pytest.mark.parametrize("kept", range(9))
def test_an_incomplete_batch_is_ignored(tmp_path, kept):
    with opened(tmp_path).writer() as writer:
        writer.add(*batch(range(3)))
        writer.add(*batch(range(3, 8)))
    (block,) = blocks(tmp_path)

    os.truncate(block, RECORD * kept)

    whole = 8 if kept == 8 else 3 if kept >= 3 else 0
    store = opened(tmp_path)
    assert [n for n in range(8) if key(n) in store] == list(range(whole))


def test_two_concurrent_writers_lose_no_records(tmp_path):
    writers = [python(WRITE_A_LITTLE, tmp_path, start) for start in (0, 200)]
    assert [writer.stdout.readline() for writer in writers] == [b"open\n"] * 2

    for writer in writers:
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()

    found = opened(tmp_path).get([key(n) for n in range(600)])
    np.testing.assert_array_equal(found, batch(range(600))[1])
