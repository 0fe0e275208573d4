"""Small pictures of image files, to be shown in a page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from dl_magics.data.deep_gray import GrayRange
from dl_magics.data.images import BrokenImage, decode, decode_whole

_DIMMED, _TINT = 0.55, 0.5
_WARM = np.array([255, 130, 0], np.float32)


def encode_picture(path: Path, size: int) -> str:
    """Return a whole image as a small JPEG in base64; "" if the file is not a valid image."""
    try:
        pixels = decode_whole(path.read_bytes(), size).pixels
    except (OSError, BrokenImage):
        return ""
    # Of a very long image only the begin.
    return _encode_jpeg(Image.fromarray(pixels[: 3 * size, : 3 * size]))


def encode_overlay(
    path: Path, heat: NDArray[np.float32], size: int, gray: GrayRange | None = None
) -> str:
    """Return the center square of an image with a map of heat on it, as JPEG in base64.

    The map has values from 0 to 1 and covers the square. Where it is 0 the image is shown darker
    and without its colours, where it is 1 as it is, in the light of a warm colour. "" if the file
    is not a valid image.
    """
    try:
        pixels = decode(path.read_bytes(), size, gray).astype(np.float32)
    except (OSError, BrokenImage):
        return ""
    scaled = Image.fromarray(heat.astype(np.float32)).resize((size, size), Resampling.BICUBIC)
    share = np.clip(np.asarray(scaled), 0, 1)[..., None]
    plain = _DIMMED * pixels.mean(-1, keepdims=True)
    lit = (1 - _TINT) * pixels + _TINT * _WARM
    blended = plain * (1 - share) + lit * share
    return _encode_jpeg(Image.fromarray(blended.round().astype(np.uint8)))


def _encode_jpeg(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "jpeg", quality=80)
    return base64.b64encode(file.getvalue()).decode("ascii")
