"""Check the JSON values of a file or an answer that another computer wrote.

Each function returns the value, or raises ValueError with the words of what it must be.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

_LONGEST_TEXT = 4096
_SHA256 = re.compile("[0-9a-f]{64}")
# The sum of rounded shares may exceed 1 by this.
_ROUNDING = 1e-6


def read_text(value: Any) -> str:
    """Return a short text."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise ValueError(
            f"{quote_value(value)} is not a text of up to {_LONGEST_TEXT:,} characters"
        )
    return value


def read_list(value: Any, name: str) -> list[Any]:
    """Return the items of a list called `name`."""
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{name} must be a list, not {quote_value(value)}")
    return list(value)


def read_object(value: Any, name: str) -> dict[str, Any]:
    """Return the members of a JSON object called `name`."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be an object, not {quote_value(value)}")
    return value


def read_names(value: Any, name: str) -> tuple[str, ...]:
    """Return a list called `name` of different texts, at least one."""
    names = tuple(map(read_text, read_list(value, name)))
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{name} must be different names")
    return names


def read_share(value: Any) -> float:
    """Return a number from 0 to 1."""
    if type(value) not in (int, float) or not 0 <= value <= 1 + _ROUNDING:
        raise ValueError(f"{quote_value(value)} is not a number from 0 to 1")
    return float(value)


def read_relative_path(value: Any) -> str:
    """Return a path with slashes that does not lead out of the folder that it is in."""
    text = read_text(value)
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\0" in text or not path.parts:
        raise ValueError(f"{quote_value(value)} is not a path below a folder")
    return text


def read_sha256(value: Any) -> str:
    """Return the hexadecimal digits of a SHA-256."""
    text = read_text(value)
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{quote_value(value)} is not a SHA-256")
    return text


def quote_value(value: Any) -> str:
    """Return a value for a message: ASCII, and short."""
    return ascii(value)[:60]
