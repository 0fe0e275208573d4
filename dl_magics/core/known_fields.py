"""Stored values of another version of dl_magics, which may have more fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def keep_known_fields(cls: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a dataclass has fields for."""
    known = {each.name for each in fields(cls)}
    return {name: value for name, value in values.items() if name in known}
