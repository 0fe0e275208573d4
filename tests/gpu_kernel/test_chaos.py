from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.two_hosts import chaos
from support.two_hosts.lab import missing

SEEDS = range(12)
BESIDE = 6


def test_random_disturbances_lose_repeat_and_rerun_nothing():
    if why := missing():
        pytest.skip(f"No lab of two hosts here: {why}")
    with ThreadPoolExecutor(BESIDE) as pool:
        wrong = list(pool.map(chaos.play, [SEEDS[i::BESIDE] for i in range(BESIDE)]))

    assert wrong == [{}] * BESIDE
