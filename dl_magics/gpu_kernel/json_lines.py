"""The JSON lines exchanged between a client and an agent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncssh

_CHUNK = 1 << 18


async def read_lines(reader: asyncssh.SSHReader[bytes]) -> AsyncIterator[bytes]:
    """Yield whole lines of any length."""
    parts: list[bytes] = []
    while chunk := await reader.read(_CHUNK):
        first, *rest = chunk.split(b"\n")
        parts.append(first)
        for part in rest:
            yield b"".join(parts) + b"\n"
            parts = [part]


def encode_line(document: dict[str, Any]) -> bytes:
    """Return a document as one line."""
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
