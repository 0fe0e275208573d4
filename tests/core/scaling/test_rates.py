from __future__ import annotations

import pytest

from dl_magics.core.scaling.rates import (
    DECODED_BY_THREAD,
    GPU_SPEED,
    count_used_gpus,
    estimate_rate,
)


@pytest.mark.parametrize("gpu", ["", "A GPU of tomorrow", *GPU_SPEED])
@pytest.mark.parametrize("is_vgg", [True, False])
def test_a_rate_is_a_range_that_the_processors_can_decode(gpu, is_vgg):
    low, high = estimate_rate(gpu, 1, 4, is_vgg=is_vgg, size=224)

    assert 0 < low < high
    assert high <= 4 * DECODED_BY_THREAD[1]


def test_a_fast_gpu_beside_four_processors_waits_for_photos():
    few = estimate_rate("H100", 1, 4, is_vgg=True, size=224)
    many = estimate_rate("H100", 1, 64, is_vgg=True, size=224)

    assert few == (480, 1000)
    assert many == (960, 2000)


def test_images_of_half_the_size_take_a_quarter_of_the_time():
    whole, half = (estimate_rate("K80", 1, 8, is_vgg=True, size=size) for size in (224, 112))

    assert half == pytest.approx([4 * each for each in whole])


@pytest.mark.parametrize(
    ("gpus", "backend", "used"),
    [
        (4, "torch", 1),
        (0.125, "torch", 0.125),
        (4, "jax", 4),
        (4, "tensorflow", 4),
        (0, "torch", 0),
    ],
)
def test_of_several_gpus_pytorch_uses_one(gpus, backend, used):
    assert count_used_gpus(gpus, backend) == used
