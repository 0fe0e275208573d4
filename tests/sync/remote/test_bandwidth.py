"""A connection is fast if it delivers more than the window of one stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dl_magics.sync.remote.bandwidth import BandwidthEstimate

MB = 2**20


def is_fast(bytes_a_second, seconds):
    now = [0.0]
    pace = BandwidthEstimate(lambda: now[0])
    # The window of the stream is filled immediately.
    pace.add(2 * MB)
    while now[0] < seconds:
        now[0] += 0.1
        pace.add(int(bytes_a_second / 10))
    return pace.fast.is_set()


@given(st.integers(1, 4 * MB), st.floats(0, 100))
def test_a_slow_connection_is_never_considered_fast(bytes_a_second, seconds):
    assert not is_fast(bytes_a_second, seconds)


@given(st.integers(5 * MB, 100 * MB))
def test_a_fast_connection_is_detected_within_a_second(bytes_a_second):
    assert is_fast(bytes_a_second, 1.0)


def test_a_small_transfer_decides_nothing():
    assert not is_fast(100 * MB, 0)
