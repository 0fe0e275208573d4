"""The memory that threads share while they read and decode."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.data.byte_budget import ByteBudget


@settings(max_examples=50)
@given(st.integers(1, 100), st.lists(st.integers(0, 150), max_size=30))
def test_threads_never_hold_more_than_there_is(size, wanted):
    budget, lock, held, most = ByteBudget(size), Lock(), [0], [0]

    def work(count):
        with budget.hold(count):
            with lock:
                held[0] += min(count, size)
                most[0] = max(most[0], held[0])
            with lock:
                held[0] -= min(count, size)
        return count

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, wanted)) == wanted
    assert most[0] <= size


def test_what_a_failure_held_is_free_again():
    budget = ByteBudget(10)

    with pytest.raises(ZeroDivisionError), budget.hold(10):
        raise ZeroDivisionError

    with budget.hold(10):
        pass
