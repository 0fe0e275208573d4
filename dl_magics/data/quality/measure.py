"""Measure an image file: its size, light, sharpness and a small picture to compare it by.

Everything is measured on the whole image at 128 pixels, close to what a network sees: a photo of a
camera that is sharp only beyond that is not blurry here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dl_magics.data import images
from dl_magics.data.kinds import HEAD, detect_format

SIDE = 24
"""The side of the small picture, in pixels."""

_WORKING_SIDE = 128
_LUMA = (0.299, 0.587, 0.114)
_BINS = 256


@dataclass(frozen=True, slots=True, eq=False)
class ImageFacts:
    """What is known of one file; `reason` says why it is not a valid image, or is "".

    `size` is in bytes. `dark_end` and `light_end` are the brightness, 0 to 1, below which 5 % and
    99 % of the pixels are. `information` is the entropy of the brightness, 0 to 1, `sharpness` the
    variance of its second derivative, `color` the mean difference between the channels, 0 to 255.
    """

    size: int = 0
    digest: bytes = b""
    format: str = ""
    reason: str = ""
    width: int = 0
    height: int = 0
    dark_end: float = 0.0
    light_end: float = 0.0
    information: float = 0.0
    sharpness: float = 0.0
    color: float = 0.0
    small: NDArray[np.uint8] | None = None


def measure_file(path: Path) -> ImageFacts:
    """Return what is known of a file; raises nothing for a file that is damaged or unreadable."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return ImageFacts(reason=error.strerror or str(error))
    size, digest = len(data), hashlib.sha256(data).digest()
    try:
        whole = images.decode_whole(data, _WORKING_SIDE)
    except images.BrokenImage as error:
        return ImageFacts(size, digest, detect_format(data[:HEAD]) or "", error.reason)
    pixels = whole.pixels.astype(np.float32)
    light = pixels @ np.array(_LUMA, np.float32)
    shares = np.bincount(light.astype(np.uint8).ravel(), minlength=_BINS) / light.size
    reached = np.cumsum(shares)
    some = shares[shares > 0]
    return ImageFacts(
        size,
        digest,
        detect_format(data[:HEAD]) or "",
        "",
        whole.width,
        whole.height,
        dark_end=int(np.searchsorted(reached, 0.05)) / 255,
        light_end=int(np.searchsorted(reached, 0.99)) / 255,
        information=float(-(some * np.log2(some)).sum() / 8),
        sharpness=_sharpness(light),
        color=float(np.ptp(whole.pixels, axis=2).mean()),
        small=_shrink(light),
    )


def has_suffix_of(name: str, kind: str) -> bool:
    """Return whether a file name ends as files of a format do."""
    return PurePath(name).suffix.lower().lstrip(".") in _SUFFIXES.get(kind, (kind,))


_SUFFIXES = {
    "jpeg": ("jpg", "jpeg", "jpe", "jfif", "mpo"),
    "tiff": ("tif", "tiff"),
    "bmp": ("bmp", "dib"),
    "ppm": ("ppm", "pgm", "pbm", "pnm"),
    "jpeg2000": ("jp2", "j2k", "jpx", "jpf", "j2c"),
    "heif": ("heic", "heif", "hif"),
    "avif": ("avif", "avifs"),
}


def _sharpness(light: NDArray[np.float32]) -> float:
    if min(light.shape) < 3:
        return 0.0
    middle = light[1:-1, 1:-1]
    around = light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:]
    return float((around - 4 * middle).var())


def _shrink(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    picture = Image.fromarray(light.clip(0, 255).round().astype(np.uint8))
    return np.array(picture.resize((SIDE, SIDE), Image.Resampling.BOX))
