from __future__ import annotations

import numpy as np
import pytest

from dl_magics.errors import TrainingFailed
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.inference.keras_compute import KerasCompute

SIZE = 4
CPU, GPU = Device("cpu", "a CPU", 2**30), Device("gpu", "a GPU", 2**30)


class Network:
    """Returns mean colours; exhausts the memory, really, if it gets more than `most` images."""

    def __init__(self, most):
        self.most = most

    def predict_on_batch(self, pixels):
        if len(pixels) > self.most:
            np.empty(2**60, np.uint8)
        if pixels.shape[1:] != (SIZE, SIZE, 3):
            raise ValueError(f"unexpected shape {pixels.shape}")
        return pixels.mean((1, 2), dtype=np.float32)


def draw_pixels(images):
    return np.random.default_rng(images).integers(0, 256, (images, SIZE, SIZE, 3), np.uint8)


def compute_all(compute, batches):
    """Return the features of batches that are started ahead of each other, and the warnings."""
    fetches = [compute.start(pixels) for pixels in batches]
    features = [fetch() for fetch in fetches]
    return features, list(compute.take_warnings())


def assert_right(features, batches):
    for made, pixels in zip(features, batches, strict=True):
        np.testing.assert_allclose(made, pixels.mean((1, 2)), rtol=1e-5)


@pytest.mark.parametrize("device", [CPU, GPU], ids=["cpu", "gpu"])
def test_features_are_those_of_the_batch_whatever_its_size(device):
    batches = [draw_pixels(images) for images in (8, 8, 3, 1)]

    features, warnings = compute_all(KerasCompute(Network(8), device, 8), batches)

    assert_right(features, batches)
    assert warnings == []


@pytest.mark.parametrize("device", [CPU, GPU], ids=["cpu", "gpu"])
def test_a_batch_that_does_not_fit_is_computed_in_parts_and_so_are_later_ones(device):
    batches = [draw_pixels(images) for images in (16, 16, 5)]
    compute = KerasCompute(Network(4), device, 16)

    features, (warning,) = compute_all(compute, batches)

    assert_right(features, batches)
    assert compute.batch_size == 4
    assert warning.code == "batch_halved"
    assert warning.text.startswith("16 images at a time did not fit")
    assert warning.fix.endswith("batch_size = 4")


def test_if_no_image_fits_the_run_fails_and_says_what_to_do():
    compute = KerasCompute(Network(0), CPU, 8)

    with pytest.raises(TrainingFailed, match="single image") as failed:
        compute.start(draw_pixels(8))()

    assert "image_size" in failed.value.fix


@pytest.mark.parametrize("device", [CPU, GPU], ids=["cpu", "gpu"])
def test_another_error_is_raised_as_it_is(device):
    compute = KerasCompute(Network(8), device, 8)

    with pytest.raises(Exception, match="shape"):
        compute.start(np.zeros((8, SIZE, SIZE, 2), np.uint8))()
    assert compute.batch_size == 8


def test_batches_are_started_ahead_on_a_gpu_only():
    assert KerasCompute(Network(8), CPU, 8).ahead == 0
    assert KerasCompute(Network(8), GPU, 8).ahead > 0
