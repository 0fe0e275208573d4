"""Detect the format of a file from its first bytes; the file name is ignored."""

from __future__ import annotations

import re

HEAD = 64  # number of bytes that identify a format

_KINDS = {
    "jpeg": rb"\xff\xd8\xff",
    "png": rb"\x89PNG\r\n\x1a\n",
    "gif": rb"GIF8[79]a",
    "webp": rb"RIFF....WEBP",
    "bmp": rb"BM.{4}\0{4}.{4}[\x0c-\x7c]\0{3}",  # two letters alone would match text files
    "tiff": rb"II[*+]\0|MM\0[*+]",
    "avif": rb".{4}ftyp(avi[fs]|.{4,32}avif)",
}
_OTHERS = {
    "web page": rb"(\xef\xbb\xbf)?\s*<(?i:!doctype html|html|head|!--)",
    "SVG drawing": rb"\s*<(svg|\?xml.*<svg)",
    "HEIC photo": rb".{4}ftyp(hei[cmsx]|mif1|msf1)",
    "video": rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF....AVI ",
    "PDF": rb"%PDF",
    "zip archive": rb"PK\x03\x04",
    "Git LFS pointer": rb"version https://git-lfs",
}


def detect_format(head: bytes) -> str | None:
    """Return "jpeg", "png", "gif", "webp", "bmp", "tiff", "avif", or None for any other."""
    return _first(_KINDS, head)


def describe_other_format(head: bytes) -> str:
    """Return a description of a format that is not supported, for a message."""
    if not any(head):
        return "zeros"
    text = not re.search(rb"[^\t-\r\x1b -\x7e\x80-\xff]", head)
    return _first(_OTHERS, head) or ("text" if text else "unknown bytes")


def _first(patterns: dict[str, bytes], head: bytes) -> str | None:
    return next((kind for kind, each in patterns.items() if re.match(each, head, re.DOTALL)), None)
