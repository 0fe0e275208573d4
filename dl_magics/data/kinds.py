"""Detect the format of a file from its first bytes; the file name is ignored."""

from __future__ import annotations

import re

HEAD = 132  # number of bytes that identify a format: that of DICOM comes after 128

try:
    import pillow_heif
except ImportError:  # optional: Pillow itself does not read HEIC
    _HEIC: dict[str, bytes] = {}
else:
    pillow_heif.register_heif_opener()
    _HEIC = {"heif": rb".{4}ftyp(hei[cmsx]|mif1|msf1)"}

_KINDS = {
    "jpeg": rb"\xff\xd8\xff",
    "png": rb"\x89PNG\r\n\x1a\n",
    "gif": rb"GIF8[79]a",
    "webp": rb"RIFF....WEBP",
    "bmp": rb"BM.{4}\0{4}.{4}[\x0c-\x7c]\0{3}",  # two letters alone would match text files
    "tiff": rb"II[*+]\0|MM\0[*+]",
    "avif": rb".{4}ftyp(avi[fs]|.{4,32}avif)",
    "ppm": rb"P[1-6]\s",
    "jpeg2000": rb"\xff\x4f\xff\x51|\0{3}\x0cjP  \r\n\x87\n",
    "ico": rb"\0\0\x01\0[\x01-\xff]\0",
    "psd": rb"8BPS\0\x01",
    # It has no mark, but only some values of: color map, type, bits per pixel, descriptor.
    "tga": rb".(\0[\x02\x03\x0a\x0b]|\x01[\x01\x09]).{13}[\x08\x0f\x10\x18\x20][\0-\x3f]",
    **_HEIC,
}
_OTHERS = {
    "web page": rb"(\xef\xbb\xbf)?\s*<(?i:!doctype html|html|head|!--)",
    "SVG drawing": rb"\s*<(svg|\?xml.*<svg)",
    "DICOM": rb".{128}DICM",
    "HEIC photo": rb".{4}ftyp(hei[cmsx]|mif1|msf1)",
    "video": rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF....AVI ",
    "PDF": rb"%PDF",
    "zip archive": rb"PK\x03\x04",
    "Git LFS pointer": rb"version https://git-lfs",
}

_CONVERSIONS = {
    "HEIC": "Install pillow-heif where the run computes, or convert them to JPEG: "
    "'mogrify -format jpg *.heic' of ImageMagick, 'sips -s format jpeg *.heic --out .' on macOS.",
    "DICOM": "Export them as 16-bit PNG or TIFF, with the window that a person would look at.",
    "Git LFS": "Fetch the images themselves: git lfs pull",
}


def detect_format(head: bytes) -> str | None:
    """Return the name that Pillow gives a supported format, in lower case; None for any other."""
    return _first(_KINDS, head)


def describe_other_format(head: bytes) -> str:
    """Return a description of a format that is not supported, for a message."""
    if not any(head):
        return "zeros"
    text = not re.search(rb"[^\t-\r\x1b -\x7e\x80-\xff]", head)
    return _first(_OTHERS, head) or ("text" if text else "unknown bytes")


def describe_conversion(reason: str) -> str:
    """Return how to convert images that are skipped for a reason, or ""."""
    return next((how for name, how in _CONVERSIONS.items() if name in reason), "")


def _first(patterns: dict[str, bytes], head: bytes) -> str | None:
    return next((kind for kind, each in patterns.items() if re.match(each, head, re.DOTALL)), None)
