from __future__ import annotations

import numpy as np
import pytest

from dl_magics.data.augment import SCALE, augment


@pytest.fixture
def photo():
    """A photo of 64 by 64 pixels as it is decoded to be augmented."""
    down, across = np.mgrid[0:64, 0:64].repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    return np.stack([across * 3, down * 3, np.full_like(down, 90)], axis=-1).astype(np.uint8)


def test_the_same_seed_gives_the_same_pixels(photo):
    first = augment(photo, [42, 3, 7])

    assert np.array_equal(first, augment(photo, (42, 3, 7)))
    assert not np.array_equal(first, augment(photo, [42, 3, 8]))


@pytest.mark.parametrize("shape", [(64, 64, 3), (1, 1, 3), (30, 200, 3)])
def test_augment_reduces_its_input_and_does_not_modify_it(shape):
    height, width, _ = shape
    larger = (SCALE * height, SCALE * width, 3)
    photo = np.random.default_rng(0).integers(0, 256, larger, dtype=np.uint8)
    before = photo.copy()

    after = augment(photo, [1])

    assert after.shape == shape
    assert after.dtype == np.uint8
    assert after.flags.writeable
    assert np.array_equal(photo, before)


@pytest.mark.parametrize("shape", [(64, 64, 3), (20, 300, 3)])
def test_rotation_leaves_no_empty_corners(shape):
    photo = np.full(shape, 128, np.uint8)

    assert all(np.ptp(augment(photo, [seed])) == 0 for seed in range(100))


def test_brightness_and_contrast_vary_by_15_percent_at_most():
    photo = np.full((8, 8, 3), 128, np.uint8)

    light = np.array([augment(photo, [seed]).mean() / 128 for seed in range(300)])

    assert light.min() == pytest.approx(0.85, abs=0.01)
    assert light.max() == pytest.approx(1.15, abs=0.01)


def test_half_of_the_images_are_flipped(photo):
    red = [augment(photo, [seed])[..., 0].astype(int) for seed in range(400)]

    mirrored = sum(each[:, 0].mean() > each[:, -1].mean() for each in red)
    assert 150 < mirrored < 250


def test_crop_and_rotation_stay_within_their_limits(photo):
    rows = [augment(photo, [seed]).astype(float)[..., 1] / 192 for seed in range(100)]

    seen = [np.ptp(each[:, 32]) for each in rows]
    turned = [abs(each[32, -1] - each[32, 0]) for each in rows]
    assert 0.6 < min(seen) < max(seen) < 1.35
    assert 0.1 < max(turned) < 0.24
    assert min(turned) < 0.01


def test_a_copy_is_nearly_as_sharp_as_the_photo():
    """By the differences between neighbours: of noise, which has the finest details of all."""
    noise = np.random.default_rng(0).normal(128, 40, (128, 128, 3)).clip(0, 255)
    photo = noise.astype(np.uint8)
    plain = photo.reshape(64, SCALE, 64, SCALE, 3).mean(axis=(1, 3))

    copies = [augment(photo, [seed]).astype(float) for seed in range(20)]

    sharpness = np.mean([np.abs(np.diff(each, axis=1)).mean() for each in copies])
    assert sharpness / np.abs(np.diff(plain, axis=1)).mean() > 0.8
