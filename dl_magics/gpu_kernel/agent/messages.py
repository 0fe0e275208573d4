"""The encoding of messages: signed frames for the kernel, lines of JSON for clients."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import zlib
from typing import Any, AsyncIterator, Dict, Iterator, Sequence, Union

Message = Dict[str, Any]
Bytes = Union[bytes, memoryview]
CHUNK_BYTES = 1 << 18
LARGE_BYTES = 1 << 20
MAX_HEADER_BYTES = 1 << 14
# A multiple of 3: the base64 of a slice is followed by that of the next one.
SLICE_BYTES = 3 << 17
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

    def unpack(self, frames: Sequence[Bytes]) -> Message:
        """Return the message of these frames; raises ValueError if the signature is wrong."""
        parts, buffers = self._verify(frames)
        message = dict(zip(PARTS, map(_decode, parts)))
        if buffers:
            message["buffers"] = [base64.b64encode(part).decode() for part in buffers]
        return message

    def receive(self, frames: Sequence[Bytes]) -> Message:
        """Return the message of these frames; of a large one, read only the headers."""
        if sum(map(len, frames)) <= LARGE_BYTES:
            return self.unpack(frames)
        parts, buffers = self._verify(frames)
        if len(parts[0]) + len(parts[1]) > MAX_HEADER_BYTES:
            raise ValueError("the headers of a message are too large")
        headers = {"header": _decode(parts[0]), "parent_header": _decode(parts[1])}
        return LargeMessage(headers, parts[2:], buffers)

    def _verify(self, frames: Sequence[Bytes]) -> tuple[Sequence[Bytes], Sequence[Bytes]]:
        start = frames.index(b"<IDS|MSG>")
        signature, parts = frames[start + 1], frames[start + 2 : start + 6]
        if not hmac.compare_digest(signature, self._sign(parts)):
            raise ValueError("the signature is wrong")
        return parts, frames[start + 6 :]

    def _sign(self, parts: Sequence[Bytes]) -> bytes:
        signature = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            signature.update(part)
        return signature.hexdigest().encode()


class LargeMessage(Dict[str, Any]):
    """A message whose headers are read; the rest stays as the kernel sent it, in memory once.

    Parameters
    ----------
    headers
        `header` and `parent_header`, which are its only items.
    parts
        The JSON of metadata and content.
    buffers
        The buffers.
    """

    def __init__(self, headers: Message, parts: Sequence[Bytes], buffers: Sequence[Bytes]) -> None:
        super().__init__(headers)
        self._parts = parts
        self._buffers = buffers

    def json(self) -> Iterator[Bytes]:
        """Yield the JSON of metadata, content and buffers in slices."""
        yield b'{"metadata":'
        yield from _slices(self._parts[0])
        yield b',"content":'
        yield from _slices(self._parts[1])
        yield b',"buffers":['
        for number, buffer in enumerate(self._buffers):
            yield b',"' if number else b'"'
            for part in _slices(buffer):
                yield base64.b64encode(part)
            yield b'"'
        yield b"]}"

    @property
    def size(self) -> int:
        """The number of bytes of the JSON."""
        return sum(map(len, self.json()))


def packed(document: dict[str, Any], message: LargeMessage) -> Iterator[bytes]:
    """Yield the line of a document with a large message in it, compressed, in slices."""
    head = as_line(dict(document, size=message.size, m=dict(message)))
    yield head[:-2] + b',"zlib":"'
    compressing = zlib.compressobj(1)
    rest = b""
    for part in message.json():
        rest += compressing.compress(part)
        whole = len(rest) // 3 * 3
        yield base64.b64encode(rest[:whole])
        rest = rest[whole:]
    yield base64.b64encode(rest + compressing.flush()) + b'"}\n'


def _slices(data: Bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    for at in range(0, len(view), SLICE_BYTES):
        yield view[at : at + SLICE_BYTES]


def _decode(part: Bytes) -> Any:
    # A kernel may print bytes that are not valid UTF-8.
    return json.loads(str(part, "utf-8", "replace"))


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
