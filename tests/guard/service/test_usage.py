"""The GPU-busy share of a boot, and its file."""

from __future__ import annotations

import pytest

from dl_magics.guard.service import usage
from dl_magics.guard.service.usage import Usage


def test_the_busy_share_is_the_utilization_averaged_over_the_time():
    counted = Usage("boot", 100.0).add_sample(20, 1.0).add_sample(60, 0.0).add_sample(20, 0.5)

    assert counted.busy_share == pytest.approx(0.3)


def test_without_a_gpu_or_a_sample_there_is_no_share():
    assert Usage("boot", 100.0).add_sample(20, None).busy_share is None
    assert Usage("boot", 100.0, has_gpu=True).busy_share is None


def test_the_file_keeps_the_latest_boots():
    usages = [Usage(f"boot {n}", 100.0 * n, 60.0, 30.0, has_gpu=True) for n in range(60)]

    assert usage.parse_usages(usage.format_usages(usages)) == usages[-50:]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "7",
        '{"boot": "b"}',
        "[null, 3]",
        '[{"boot": "b", "began": 1, "seconds": 1, "busy_seconds": 1}]',
        '[{"boot": "b", "began": 1, "seconds": 1, "busy_seconds": 2, "has_gpu": true}]',
        '[{"boot": "b", "began": 1, "seconds": NaN, "busy_seconds": 1, "has_gpu": true}]',
        '[{"boot": "b", "began": 1, "seconds": 1e999, "busy_seconds": 1, "has_gpu": true}]',
    ],
)
def test_what_is_not_valid_is_left_out(text):
    assert usage.parse_usages(text) == []
