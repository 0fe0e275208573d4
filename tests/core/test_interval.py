from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.core.interval import wilson_interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_that_of_the_literature(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_holds_the_share_and_mirrors_with_it(counts):
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    mirrored = wilson_interval(trials - successes, trials)

    assert 0 <= low <= successes / trials <= high <= 1
    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_without_trials_every_share_is_possible():
    assert wilson_interval(0, 0) == (0, 1)
    assert str(wilson_interval(0, 20)) == "0.0 to 16.1 %"
