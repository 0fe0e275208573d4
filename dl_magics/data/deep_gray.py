"""Grayscale of more than 8 bits: measurements of microscopes, CT and depth cameras.

Their values seldom fill the 16 bits of the file: with 65,535 as white, 12-bit values are nearly
black. A folder is scaled by the range of its own training images, one range for all of them, since
the brightness of one image relative to another may be what tells the classes apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

FORMATS = frozenset({"PNG", "TIFF", "PPM", "JPEG2000"})


@dataclass(frozen=True, slots=True)
class GrayRange:
    """The value that becomes black, and the one that becomes white."""

    black: float
    white: float


def join_ranges(ranges: Iterable[GrayRange]) -> GrayRange | None:
    """Return the range that contains all others; None if there is none."""
    found = list(ranges)
    if not found:
        return None
    return GrayRange(min(each.black for each in found), max(each.white for each in found))


def is_deep(picture: Image.Image) -> bool:
    """Return whether an image is grayscale of more than 8 bits: integers or floats."""
    return picture.mode.startswith(("I", "F"))


def measure(picture: Image.Image) -> GrayRange:
    """Return the least and the greatest value of an image; raise ValueError if none is a number."""
    values = np.asarray(picture.convert("F"))
    known = values[np.isfinite(values)]
    if not known.size:
        raise ValueError("no value is a number")
    return GrayRange(float(known.min()), float(known.max()))


def scale(picture: Image.Image, gray: GrayRange) -> Image.Image:
    """Return an image in RGB of 8 bits; values beyond the range and NaN are clipped to its ends."""
    values = np.nan_to_num(np.asarray(picture), nan=gray.black, posinf=np.inf, neginf=-np.inf)
    shares = (np.clip(values, gray.black, gray.white) - gray.black) / (
        (gray.white - gray.black) or 1
    )
    return Image.fromarray((shares * 255).round().astype(np.uint8)).convert("RGB")
