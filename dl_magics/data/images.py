"""Decode an image file into a square RGB array, or raise an error with the reason.

Pillow opens every format. Most JPEGs are decoded by simplejpeg, which scales while it decodes:
small ones take half the time, photos of a camera a tenth. It also reports damaged files.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from dl_magics.data import deep_gray, geometry
from dl_magics.data.byte_budget import ByteBudget, return_free_memory
from dl_magics.data.deep_gray import GrayRange
from dl_magics.data.kinds import HEAD, describe_other_format, detect_format

__all__ = [
    *("BrokenImage", "WholeImage", "check_header", "decode", "decode_whole", "detect_format"),
    *("encode_thumbnail", "read_gray_range"),
]

try:
    import simplejpeg
except ImportError:  # may be missing on an instance; Pillow then decodes everything
    simplejpeg = None

VERSION = 2  # increase it with any change of the pixels
# Part of the feature space: pixels of the two decoders differ slightly and must not be mixed.
DECODER: int | str = VERSION if simplejpeg else f"{VERSION} of Pillow alone"

# Pillow's warnings add nothing to BrokenImage. `warnings.catch_warnings` cannot be used: it is not
# thread-safe, and images are decoded in threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Images are decoded in threads: together they have this memory, however large one of them is.
_PIXELS = ByteBudget(512 * 2**20)
_LARGE = 64 * 2**20
_STORED_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2}  # of a pixel, by Pillow's mode; else 4
_CONVERTED_BYTES, _MEASURED_BYTES = 4, 9
_COEFFICIENT_BYTES = 6  # of a pixel of a progressive JPEG, which is decoded in several passes

_END_OF_JPEG = b"\xff\xd9"


class BrokenImage(Exception):
    """The bytes are not a valid image; `reason` is a short description."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class WholeImage:
    """A decoded image that is not cropped: RGB, the shorter side reduced; the size of the file."""

    pixels: NDArray[np.uint8]
    width: int
    height: int


def check_header(data: bytes) -> None:
    """Raise BrokenImage if the first bytes are not those of a supported format; decodes nothing."""
    if not data:
        raise BrokenImage("empty file")
    if not detect_format(data[:HEAD]):
        raise BrokenImage(f"not an image ({describe_other_format(data[:HEAD])})")


def decode(data: bytes, size: int, gray: GrayRange | None = None) -> NDArray[np.uint8]:
    """Return the center square of an image in RGB, shape (size, size, 3).

    The EXIF orientation is applied. Grayscale of more than 8 bits is scaled by `gray`, or by the
    image's own range. Raises only BrokenImage, and is thread-safe.
    """
    check_header(data)
    with _opened(data) as picture:
        return np.array(_decode(picture, data, size, gray, geometry.crop_square))


def decode_whole(data: bytes, size: int) -> WholeImage:
    """Return a whole image in RGB whose shorter side has `size` pixels, or fewer in the file.

    The EXIF orientation is applied. Raises only BrokenImage, and is thread-safe.
    """
    check_header(data)
    with _opened(data) as picture:
        width, height = geometry.measure_turned(picture)
        pixels = np.array(_decode(picture, data, size, None, geometry.shrink))
        return WholeImage(pixels, width, height)


def read_gray_range(data: bytes) -> GrayRange | None:
    """Return the range of an image of more than 8 bits of gray; None for any other.

    Raises only BrokenImage.
    """
    if _pillow_format(data) not in deep_gray.FORMATS:
        return None
    with _opened(data) as picture:
        if not deep_gray.is_deep(picture):
            return None
        with _PIXELS.hold(math.prod(picture.size) * (_stored_bytes(picture) + _MEASURED_BYTES)):
            return deep_gray.measure(picture)


def encode_thumbnail(data: bytes, size: int) -> bytes:
    """Return the center square of an image as a small JPEG; raises as `decode`."""
    file = io.BytesIO()
    Image.fromarray(decode(data, size)).save(file, "jpeg", quality=80)
    return file.getvalue()


def _pillow_format(data: bytes) -> str:
    return str(detect_format(data[:HEAD])).upper()


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Open an image; an error while it is read becomes a BrokenImage with the reason."""
    kind = _pillow_format(data)
    try:
        with _open(data, kind) as picture:
            yield picture
    except Exception as error:  # decoders raise many types of errors on damaged bytes
        raise BrokenImage(_reason(kind, error)) from error


def _open(data: bytes, kind: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=[kind])
    except Image.DecompressionBombError:
        if kind != "JPEG":
            raise
        # It is scaled while it is decoded; where it cannot be, `_any` refuses it.
        return JpegImageFile(io.BytesIO(data))


def _count_bytes(picture: Image.Image, size: int) -> int:
    """Return how much memory an image needs while it is decoded, by its header."""
    pixels = math.prod(picture.size)
    if not _is_scaled(picture):
        return pixels * (_stored_bytes(picture) + _CONVERTED_BYTES)
    # By n/8, so that neither side becomes shorter than `size`.
    scale = min(max(math.ceil(8 * size / min(picture.size)), 1) / 8, 1.0)
    passes = pixels * _COEFFICIENT_BYTES if picture.info.get("progressive") else 0
    return int(pixels * scale**2 * (3 + _CONVERTED_BYTES)) + passes


def _stored_bytes(picture: Image.Image) -> int:
    return _STORED_BYTES.get(picture.mode, 4)


def _is_scaled(picture: Image.Image) -> bool:
    """Return whether an image is scaled while it is decoded."""
    return picture.format in ("JPEG", "MPO") and picture.mode in ("RGB", "L")


def _refuse_bomb(picture: Image.Image) -> None:
    """Raise DecompressionBombError for an image that is too large to be decoded whole."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit and math.prod(picture.size) > 2 * limit:
        raise Image.DecompressionBombError


def _decode(
    picture: Image.Image, data: bytes, size: int, gray: GrayRange | None, resize: geometry.Resize
) -> Image.Image:
    """Decode an opened image, in its turn if it needs much memory, resize it and turn it."""
    needed = _count_bytes(picture, size)
    with _PIXELS.hold(needed):
        resized = _fast(picture, data, size, resize) or _any(picture, size, gray, resize)
        turn = geometry.find_turn(picture)
        if needed > _LARGE:
            picture.close()
            return_free_memory()
    return resized.transpose(turn) if turn is not None else resized


def _fast(
    picture: Image.Image, data: bytes, size: int, resize: geometry.Resize
) -> Image.Image | None:
    """Decode a JPEG with simplejpeg; return None if Pillow should decode it."""
    if not _is_scaled(picture):
        return None
    if picture.info.get("progressive"):
        _refuse_bomb(picture)
    if simplejpeg is None:
        picture.draft(None, (size, size))  # scale while decoding
        return None
    try:
        try:
            pixels = simplejpeg.decode_jpeg(data, min_height=size, min_width=size)
        except ValueError as error:
            if not _cut_short(error) or picture.info.get("progressive"):
                raise
            # Still cut short if more than the end mark, which some programs do not write, is
            # missing. A progressive image would only be coarser, without a word.
            marked = data + _END_OF_JPEG
            pixels = simplejpeg.decode_jpeg(marked, min_height=size, min_width=size)
    except ValueError as error:
        if _cut_short(error):  # Pillow may fill the missing part with gray
            raise
        return None
    return resize(Image.fromarray(pixels), size)


def _any(
    picture: Image.Image, size: int, gray: GrayRange | None, resize: geometry.Resize
) -> Image.Image:
    _refuse_bomb(picture)
    deep = deep_gray.is_deep(picture)
    plain = "F" if deep else "RGBA" if picture.has_transparency_data else "RGB"
    # Pillow copies an image that has this mode already.
    resized = resize(picture if picture.mode == plain else picture.convert(plain), size)
    if deep:
        return deep_gray.scale(resized, gray or deep_gray.measure(resized))
    if plain == "RGBA":
        white = Image.new("RGBA", resized.size, "white")
        resized = Image.alpha_composite(white, resized)
    return resized.convert("RGB")


def _reason(kind: str, error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"{kind} with too many pixels"
    if isinstance(error, UnidentifiedImageError):
        return f"damaged {kind}"
    return f"{kind} is cut short" if _cut_short(error) else f"damaged {kind} ({error})"


def _cut_short(error: Exception) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in ("premature end", "truncated", "unexpected end"))
