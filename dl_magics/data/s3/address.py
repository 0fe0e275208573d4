"""`s3://bucket/prefix`, and which file of the folder an object becomes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from dl_magics.data import sidecars
from dl_magics.errors import BadData

SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_WITH_ANY_SLASHES = re.compile(r"s3:[/\\]*([^/\\].*)", re.IGNORECASE)
_LONGEST_NAME = 255  # bytes, of a file on Linux, macOS and Windows
_LONGEST_PATH = 700  # bytes: with the folder above it has to fit into 1,024
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x80-\x9f]")
# Names that Windows has devices of, and letters that its file names cannot have.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_NOT_ON_WINDOWS = frozenset('\\:*?"<>|')


@dataclass(frozen=True, slots=True)
class S3Address:
    """A bucket, and the folder in it: its prefix ends with `/`, or is empty."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")

    def name_folder(self, draw: str = "") -> str:
        """Return the name of its folder on disk: no two addresses, or draws of one, share it."""
        digest = hashlib.sha256(f"{self}{draw}".encode()).hexdigest()[:12]
        return f"{self.bucket}-{digest}"

    @property
    def data_name(self) -> str:
        """What a run calls its data: the last part of the prefix, else the bucket."""
        last = self.prefix.rstrip("/").rpartition("/")[2] or self.bucket
        return last if not find_fault(last) and not last.startswith(".") else self.bucket


def is_address(data: str) -> bool:
    """Return whether data is in S3."""
    return data.lower().startswith(SCHEME)


def suggest_address(data: str) -> str:
    """Return the address that `s3:` means, with any slashes behind it; "" for all other text."""
    meant = _WITH_ANY_SLASHES.fullmatch(data)
    return f"{SCHEME}{meant[1]}" if meant else ""


def parse_address(data: str) -> S3Address:
    """Return the bucket and the prefix. Raises BadData where it is no address."""
    bucket, _, prefix = data[len(SCHEME) :].partition("/")
    if not is_address(data) or not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise BadData(
            f"{data!r} names no bucket of S3.",
            fix="s3://BUCKET/FOLDER, with one folder per class in it; "
            "a bucket has 3 to 63 lower-case letters, digits, dots and hyphens.",
        )
    prefix = prefix.rstrip("/")
    return S3Address(bucket, f"{prefix}/" if prefix else "")


def find_fault(name: str) -> str:
    """Return why an object cannot become a file of this name below a folder, "" if it can.

    Anyone with write access to the bucket chooses its keys: none leads out of the folder.
    """
    parts = name.split("/")
    if _CONTROLS.search(name):
        return "control characters in its name"
    if any(part in ("", ".", "..") for part in parts):
        return "not a path below a folder"
    if not _is_utf8(name):
        return "its name is not UTF-8"
    if len(name.encode()) > _LONGEST_PATH or max(len(p.encode()) for p in parts) > _LONGEST_NAME:
        return "its name is too long"
    if any(_DEVICES.fullmatch(part) or part[-1] in " ." for part in parts):
        return "not a file name on Windows"
    if _NOT_ON_WINDOWS.intersection(name):
        return "characters that file names cannot have"
    return ""


def is_photo(name: str) -> bool:
    """Return whether an object may be a photo: no folder, no hidden file, no sidecar."""
    is_hidden = any(part.startswith(".") and part.strip(".") for part in name.split("/"))
    return not name.endswith("/") and not is_hidden and bool(sidecars.leave_out([name]))


def add_mark(name: str, key: str) -> str:
    """Return a name that differs not only in case, for a second object of a name."""
    path = PurePosixPath(name)
    mark = hashlib.sha256(key.encode()).hexdigest()[:8]
    return str(path.with_name(f"{path.stem}~{mark}{path.suffix}"))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
