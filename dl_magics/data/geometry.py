"""Crop, reduce and turn a decoded image."""

from __future__ import annotations

import struct
from collections.abc import Callable

from PIL import ExifTags, Image
from PIL.Image import Resampling, Transpose

Resize = Callable[[Image.Image, int], Image.Image]

_TURNS = {  # by EXIF orientation
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_SIDEWAYS = (
    *(Transpose.TRANSPOSE, Transpose.ROTATE_270),
    *(Transpose.TRANSVERSE, Transpose.ROTATE_90),
)


def crop_square(picture: Image.Image, size: int) -> Image.Image:
    """Resize the center square: the aspect ratio is kept, as in the preprocessing of ImageNet."""
    side = min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    middle = (left, top, left + side, top + side)
    return picture.resize((size, size), Resampling.BILINEAR, box=middle)


def shrink(picture: Image.Image, size: int) -> Image.Image:
    """Reduce a whole image until its shorter side has `size` pixels; a smaller one is kept."""
    share = size / min(picture.size)
    if share >= 1:
        return picture
    new = (max(size, round(picture.width * share)), max(size, round(picture.height * share)))
    return picture.resize(new, Resampling.BILINEAR)


def find_turn(picture: Image.Image) -> Transpose | None:
    """Return how an image has to be turned by its EXIF orientation; None if it has not."""
    try:
        return _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except (SyntaxError, ValueError, TypeError, OSError, struct.error):
        # The image is valid even if its EXIF data is damaged.
        return None


def measure_turned(picture: Image.Image) -> tuple[int, int]:
    """Return the width and the height of an image once it is turned."""
    width, height = picture.size
    return (height, width) if find_turn(picture) in _SIDEWAYS else (width, height)
