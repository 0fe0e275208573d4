from __future__ import annotations

import base64

import pytest

from dl_magics.core.picture import MAX_BYTES, read_picture


def encode(data):
    return base64.b64encode(data).decode("ascii")


JPEG = b"\xff\xd8\xff\xe0"


@pytest.mark.parametrize("size", [4, MAX_BYTES])
def test_a_small_jpeg_is_a_picture(size):
    sent = encode(JPEG.ljust(size, b"\0"))

    assert read_picture(sent) == sent


@pytest.mark.parametrize(
    "sent",
    [
        encode(JPEG.ljust(MAX_BYTES + 1, b"\0")),
        encode(b"\x89PNG\r\n\x1a\n"),
        encode(b""),
        'x" onerror="alert(1)',
        encode(JPEG) + "\n",
        "é",
        JPEG,
        None,
        ["/9j/4A=="],
    ],
)
def test_anything_else_is_none(sent):
    assert read_picture(sent) == ""
