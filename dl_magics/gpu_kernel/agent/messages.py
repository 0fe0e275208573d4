"""The encoding of messages: signed frames for the kernel, lines of JSON for clients."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any, AsyncIterator, Dict

Message = Dict[str, Any]
CHUNK_BYTES = 1 << 18
PARTS = ("header", "parent_header", "metadata", "content")


class Wire:
    """Jupyter's messages on ZeroMQ, signed with the kernel's key; buffers travel as base64."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def pack(self, message: Message) -> list[bytes]:
        """Return the frames of a message."""
        parts = [json.dumps(message.get(part) or {}).encode() for part in PARTS]
        buffers = [base64.b64decode(buffer) for buffer in message.get("buffers", ())]
        return [b"<IDS|MSG>", self._sign(parts), *parts, *buffers]

    def unpack(self, frames: list[bytes]) -> Message:
        """Return the message of these frames; raises ValueError if the signature is wrong."""
        start = frames.index(b"<IDS|MSG>")
        signature, parts = frames[start + 1], frames[start + 2 : start + 6]
        if not hmac.compare_digest(signature, self._sign(parts)):
            raise ValueError("the signature is wrong")
        # A kernel may print bytes that are not valid UTF-8.
        documents = [json.loads(part.decode("utf-8", "replace")) for part in parts]
        message = dict(zip(PARTS, documents))
        if len(frames) > start + 6:
            message["buffers"] = [base64.b64encode(part).decode() for part in frames[start + 6 :]]
        return message

    def _sign(self, parts: list[bytes]) -> bytes:
        return hmac.new(self._key, b"".join(parts), hashlib.sha256).hexdigest().encode()


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield whole lines of any length."""
    parts: list[bytes] = []
    while True:
        chunk = await reader.read(CHUNK_BYTES)
        if not chunk:
            return
        first, *rest = chunk.split(b"\n")
        parts.append(first)
        for part in rest:
            yield b"".join(parts)
            parts = [part]


def as_line(document: dict[str, Any]) -> bytes:
    """Return a document as one line of JSON."""
    return json.dumps(document, separators=(",", ":"), default=str).encode() + b"\n"
