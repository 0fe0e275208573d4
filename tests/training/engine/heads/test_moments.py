from __future__ import annotations

import numpy as np
import pytest

from dl_magics.training.engine.heads.moments import measure_moments

RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize("shape", [(50, 4), (20, 3, 3, 4)])
@pytest.mark.parametrize("at_once", [1, 700, 2**28])
def test_moments_in_parts_are_those_of_the_whole(shape, at_once):
    features = RANDOM.normal(5, 2, shape).astype(np.float32)
    axes = tuple(range(len(shape) - 1))

    mean, variance = measure_moments(features, at_once)

    np.testing.assert_allclose(mean, features.mean(axes, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(variance, features.var(axes, dtype=np.float64), rtol=1e-12)


def test_moments_of_one_part_have_every_bit_of_those_of_numpy():
    features = RANDOM.normal(5, 2, (100, 7)).astype(np.float32)

    mean, variance = measure_moments(features)

    np.testing.assert_array_equal(mean, features.mean(0, dtype=np.float64))
    np.testing.assert_array_equal(variance, features.var(0, dtype=np.float64))
