"""Small pictures of image files, to be shown in a page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from dl_magics.data.images import BrokenImage, decode_whole


def encode_picture(path: Path, size: int) -> str:
    """Return a whole image as a small JPEG in base64; "" if the file is not a valid image."""
    try:
        pixels = decode_whole(path.read_bytes(), size).pixels
    except (OSError, BrokenImage):
        return ""
    # Of a very long image only the begin.
    picture, file = Image.fromarray(pixels[: 3 * size, : 3 * size]), io.BytesIO()
    picture.save(file, "jpeg", quality=80)
    return base64.b64encode(file.getvalue()).decode("ascii")
