"""Which names and link targets of another host may be created in a local folder."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator

from dl_magics.text import escape_controls

_WINDOWS_CHARACTERS = frozenset(b'\\:*?"<>|') | frozenset(range(32))
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{device}{n}" for device in ("com", "lpt") for n in "123456789¹²³"}
)


def is_valid_name(name: bytes, *, windows: bool = os.name == "nt") -> bool:
    """Whether a name from another host is a valid path inside a local folder."""
    parts = name.split(b"/")
    if b"\0" in name or {b"", b".", b".."} & set(parts):
        return False
    return not windows or all(map(_is_valid_on_windows, parts))


def points_outside(name: bytes, target: bytes, *, windows: bool = os.name == "nt") -> bool:
    """Whether a symbolic link points outside the tree; an absolute one always does."""
    if target.startswith(b"/") or (windows and (b":" in target or b"\\" in target)):
        return True
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    return path == b".." or path.startswith(b"../")


def climbs_back(target: bytes) -> bool:
    """Whether `..` follows a name in the target of a link.

    Such a link can lead out of a folder though its words do not: `link/..` is the folder above the
    one that `link` points to.
    """
    parts = [part for part in target.split(b"/") if part not in (b"", b".")]
    climbing = [n for n, part in enumerate(parts) if part == b".."]
    return climbing != list(range(len(climbing)))


def parent_folders(name: bytes) -> Iterator[bytes]:
    """Yield the folders above a name, the nearest first."""
    while b"/" in name:
        name = name.rpartition(b"/")[0]
        yield name


def _is_valid_on_windows(part: bytes) -> bool:
    if _WINDOWS_CHARACTERS & set(part) or part[-1:] in (b".", b" "):
        return False
    try:
        text = part.decode()
    except UnicodeDecodeError:
        return False
    return text.partition(".")[0].rstrip().casefold() not in _WINDOWS_DEVICES


def printable(name: bytes | str) -> str:
    """Return a name as text that can be shown: no control characters, only valid Unicode."""
    encoded = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
    return escape_controls(encoded.decode("utf-8", "backslashreplace"))
