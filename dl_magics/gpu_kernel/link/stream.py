"""Parses what an agent sends: lines of JSON, and the pieces of long journal entries.

A journal entry of more than 64 KiB comes as pieces, `{"op":"piece","n":…,"offset":…,"length":…,
"total":…}` and then `length` bytes of its line. After a break it continues at the last byte
received, and other lines may come between two pieces.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_LINE_BYTES = 1 << 20
MAX_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of the line of entry `n`, from `offset` on; the line has `total` bytes."""

    n: int
    offset: int
    total: int
    data: bytes


class AgentStream:
    """Parses the bytes of one session.

    Bytes of a piece are passed on as they arrive: on a slow line each of them counts.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._piece = Piece(0, 0, 0, b"")
        self._missing = 0

    def feed(self, data: bytes) -> Iterator[dict[str, Any] | Piece]:
        """Yield the documents and pieces that these bytes complete.

        Raises
        ------
        ValueError
            if the bytes are not those of an agent.
        """
        self._buffer += data
        while self._buffer:
            if self._missing:
                yield self._take_bytes()
                continue
            end = self._buffer.find(b"\n") + 1
            if len(self._buffer) > MAX_LINE_BYTES and not 0 < end <= MAX_LINE_BYTES:
                raise ValueError(f"a line of the agent has more than {MAX_LINE_BYTES} bytes")
            if not end:
                return
            document = parse_document(bytes(self._buffer[:end]))
            del self._buffer[:end]
            if document.get("op") == "piece":
                self._begin_piece(document)
            else:
                yield document

    def _begin_piece(self, document: dict[str, Any]) -> None:
        n, offset, length, total = (
            document.get(name) for name in ("n", "offset", "length", "total")
        )
        if not (isinstance(n, int) and isinstance(offset, int)):
            raise ValueError(f"not a piece of an entry: {document!r:.200}")
        if not (isinstance(length, int) and isinstance(total, int)):
            raise ValueError(f"not a piece of an entry: {document!r:.200}")
        if not (0 <= offset < offset + length <= total and length <= MAX_PIECE_BYTES):
            raise ValueError(f"not a piece of an entry: {document!r:.200}")
        self._piece, self._missing = Piece(n, offset, total, b""), length

    def _take_bytes(self) -> Piece:
        begun = self._piece
        data = bytes(self._buffer[: self._missing])
        del self._buffer[: len(data)]
        self._missing -= len(data)
        self._piece = Piece(begun.n, begun.offset + len(data), begun.total, b"")
        return Piece(begun.n, begun.offset, begun.total, data)


class IncompleteEntry:
    """The bytes received of a long entry; they are kept when the connection breaks."""

    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, piece: Piece, max_bytes: int) -> bool:
        """Add a piece; return whether the line is complete.

        Raises
        ------
        ValueError
            if the piece does not follow the bytes received, or the line is longer than allowed.
            The bytes received are discarded then.
        """
        if piece.offset != len(self.data) or piece.total > max_bytes:
            received = len(self.take())
            raise ValueError(
                f"bytes {piece.offset} to {piece.total} of entry {piece.n} came after {received}"
            )
        self.data += piece.data
        return len(self.data) == piece.total

    def take(self) -> bytearray:
        """Return the bytes received, and forget them."""
        data, self.data = self.data, bytearray()
        return data


def parse_document(line: bytes) -> dict[str, Any]:
    """Return the JSON object of a line; raises ValueError if it is none, or nested too deeply."""
    try:
        document = json.loads(line)
    except RecursionError as error:
        raise ValueError("a line of the agent is nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError(f"not a JSON object: {line[:80]!r}")
    return document


def encode_line(document: dict[str, Any]) -> bytes:
    """Return a document as one line."""
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
