"""Pictures in base64 in answers and files of a host: small JPEGs that a page may show."""

from __future__ import annotations

import base64
import binascii
from typing import Any

MAX_BYTES = 64 * 1024

_JPEG = b"\xff\xd8\xff"


def read_picture(sent: Any) -> str:
    """Return a picture, JPEG in base64; "" where it is anything else or more than MAX_BYTES."""
    if not isinstance(sent, str) or len(sent) > 2 * MAX_BYTES:
        return ""
    try:
        data = base64.b64decode(sent, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return sent if data.startswith(_JPEG) and len(data) <= MAX_BYTES else ""
