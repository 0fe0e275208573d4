"""Random augmentation of images, to reduce overfitting."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

VERSION = 2  # part of the key of cached features: increase it with any change of the pixels

SCALE = 2
"""By this factor an image is larger before it is augmented, and reduced after it: a crop and a
rotation blur it otherwise, and VGG16's features of a copy are a tenth shorter."""

_LEAST_AREA = 0.75
_MOST_DEGREES = 10.0
_MOST_LIGHT = 0.15
_MARGIN = 0.1  # of the longer side: a rotated crop extends no further beyond the image


def augment(pixels: NDArray[np.uint8], seed: Sequence[int]) -> NDArray[np.uint8]:
    """Return an image after a random flip, crop, rotation and change of brightness and contrast.

    `pixels` has the shape (`SCALE` * height, `SCALE` * width, 3), the result (height, width, 3);
    `pixels` is not changed. The same seed gives the same pixels.
    """
    chance = np.random.default_rng(list(seed))
    return np.array(_relight(_reframe(pixels, chance), chance).reduce(SCALE))


def _reframe(pixels: NDArray[np.uint8], chance: np.random.Generator) -> Image.Image:
    """Flip, crop and rotate in one affine transform, so that the image is resampled only once."""
    height, width = pixels.shape[:2]
    zoom = math.sqrt(chance.uniform(_LEAST_AREA, 1.0))
    flip = chance.choice((-1.0, 1.0))
    angle = math.radians(chance.uniform(-_MOST_DEGREES, _MOST_DEGREES))
    sway = (1.0 - zoom) / 2
    margin = math.ceil(max(height, width) * _MARGIN)
    across = margin + width * (0.5 + chance.uniform(-sway, sway))
    down = margin + height * (0.5 + chance.uniform(-sway, sway))
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    # Maps a pixel (x, y) of the result to the source, relative to the center of both.
    a, b, d, e = cos * flip, -sin, sin * flip, cos
    affine = (
        *(a, b, across - a * width / 2 - b * height / 2),
        *(d, e, down - d * width / 2 - e * height / 2),
    )
    mirrored = np.pad(pixels, [(margin, margin), (margin, margin), (0, 0)], mode="symmetric")
    return Image.fromarray(mirrored).transform(
        (width, height), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
    )


def _relight(frame: Image.Image, chance: np.random.Generator) -> Image.Image:
    brightness, contrast = chance.uniform(1 - _MOST_LIGHT, 1 + _MOST_LIGHT, 2)
    curve = ((np.arange(256) - 128) * contrast + 128) * brightness
    return frame.point(curve.round().clip(0, 255).astype(int).tolist() * 3)
