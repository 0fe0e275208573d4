"""The bytes of a photo become a square of pixels, or a reason why not.

Pillow knows every kind. Most JPEGs are left to simplejpeg: it decodes them at a fraction of their
size, small ones in half the time and those of a camera in a tenth, and it tells damage.
"""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.Image import Resampling, Transpose

from dl_magics.data.kinds import HEAD, describe_other_format, detect_format

__all__ = ["BrokenImage", "check_header", "decode", "detect_format"]

try:
    import simplejpeg
except ImportError:  # an instance may lack it; Pillow then decodes all by itself
    simplejpeg = None

VERSION = 1  # raise it with any change of the pixels
# Part of the features' space: the two decoders' pixels differ a little, and are never mixed.
DECODER: int | str = VERSION if simplejpeg else f"{VERSION} of Pillow alone"

# Whatever Pillow warns of, here it is a photo or a reason. `warnings.catch_warnings` is no way
# out, as photos are decoded in threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

_TURNS = {  # by EXIF orientation
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


class BrokenImage(Exception):
    """Bytes that are no photo; `reason` says why, in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_header(data: bytes) -> None:
    """Refuse what is no photo by its first bytes, without decoding it."""
    if not data:
        raise BrokenImage("empty file")
    if not detect_format(data[:HEAD]):
        raise BrokenImage(f"not an image ({describe_other_format(data[:HEAD])})")


def decode(data: bytes, size: int) -> NDArray[np.uint8]:
    """Return the middle square of the upright photo as RGB: (size, size, 3).

    Raises nothing but `BrokenImage`, and may be called in threads.
    """
    check_header(data)
    kind = str(detect_format(data[:HEAD])).upper()
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as picture:
            square = _fast(picture, data, size) or _any(picture, size)
            turn = _turn(picture)
        return np.array(square.transpose(turn) if turn is not None else square)
    except Exception as error:  # on damaged bytes, decoders raise whatever they stumble over
        raise BrokenImage(_reason(kind, error)) from error


def _fast(picture: Image.Image, data: bytes, size: int) -> Image.Image | None:
    """Decode most JPEGs; return nothing for what Pillow should try."""
    if picture.format not in ("JPEG", "MPO") or picture.mode not in ("RGB", "L"):
        return None
    if simplejpeg is None:
        picture.draft(None, (size, size))  # decode no more of it than is needed
        return None
    try:
        pixels = simplejpeg.decode_jpeg(data, min_height=size, min_width=size)
    except ValueError as error:
        if _cut_short(error):  # Pillow may fill what is missing with gray
            raise
        return None
    return _square(Image.fromarray(pixels), size)


def _square(picture: Image.Image, size: int) -> Image.Image:
    """Scale the middle square: nothing is squeezed, as in the pictures that models learnt from."""
    side = min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    middle = (left, top, left + side, top + side)
    return picture.resize((size, size), Resampling.BILINEAR, box=middle)


def _any(picture: Image.Image, size: int) -> Image.Image:
    deep = picture.mode.startswith(("I", "F"))
    plain = "F" if deep else "RGBA" if picture.has_transparency_data else "RGB"
    square = _square(picture.convert(plain), size)
    if deep:
        return _shallow(square, 65535 if picture.mode.startswith("I;16") else None)
    if plain == "RGBA":
        white = Image.new("RGBA", square.size, "white")
        square = Image.alpha_composite(white, square)
    return square.convert("RGB")


def _shallow(square: Image.Image, white: float | None) -> Image.Image:
    """Bring deep gray down to 8 bits; where nothing says what white is, the brightest is."""
    values = np.asarray(square)
    known = np.isfinite(values)
    if not known.any():
        raise ValueError("no value is a number")
    black = 0.0 if white else float(values[known].min())
    white = white or float(values[known].max())
    values = (np.where(known, values, black) - black) * (255 / ((white - black) or 1))
    return Image.fromarray(values.round().astype(np.uint8)).convert("RGB")


def _turn(picture: Image.Image) -> Transpose | None:
    try:
        return _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except (SyntaxError, ValueError, TypeError, OSError, struct.error):
        # A damaged note of the camera does not spoil the photo.
        return None


def _reason(kind: str, error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"{kind} with too many pixels"
    if isinstance(error, UnidentifiedImageError):
        return f"damaged {kind}"
    return f"{kind} is cut short" if _cut_short(error) else f"damaged {kind} ({error})"


def _cut_short(error: Exception) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in ("premature end", "truncated", "unexpected end"))
