"""Change some members of a JSON object in its text; every other character stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


@dataclass
class _Member:
    """One `"key": value`, with all that stands before and after it."""

    key: str
    before: str
    value: str
    after: str

    def __str__(self) -> str:
        return self.before + self.value + self.after


def changed(text: str, changes: Mapping[str, Any]) -> str:
    """Return the text of an object with some members set; new ones come last."""
    head, found, tail = _split(text)
    for key, value in changes.items():
        # Of two members with one key, the last counts.
        same = [each for each in found if each.key == key][-1:]
        if same:
            same[0].value = json.dumps(value)
        elif found:
            lead = _space(found[-1].before)
            found.append(_Member(key, _named(lead, key), json.dumps(value), found[-1].after))
            found[-2].after = ""
        else:
            tail = tail.lstrip()
            found.append(_Member(key, _named("\n    ", key), json.dumps(value), "\n"))
    return head + ",".join(map(str, found)) + tail


def without(text: str, keys: frozenset[str]) -> str:
    """Return the text of an object without some members."""
    head, found, tail = _split(text)
    kept = [each for each in found if each.key not in keys]
    if kept and kept[-1] is not found[-1]:
        kept[-1].after = found[-1].after
    return head + ",".join(map(str, kept)) + tail


def _split(text: str) -> tuple[str, list[_Member], str]:
    """Cut the text of an object, which is sound, into its head, its members, and its tail."""
    first = at = text.index("{") + 1
    found: list[_Member] = []
    while True:
        start = at
        at = _skip(text, at)
        if text[at] == "}":
            return text[:first], found, text[start:]
        key, at = _DECODER.raw_decode(text, at)
        value_at = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, value_at)
        at = _skip(text, end)
        found.append(_Member(key, text[start:value_at], text[value_at:end], text[end:at]))
        if text[at] == "}":
            return text[:first], found, text[at:]
        at += 1


def _named(lead: str, key: str) -> str:
    return f"{lead}{json.dumps(key)}: "


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _space(text: str) -> str:
    match = _SPACE.match(text)
    return match[0] if match else ""
