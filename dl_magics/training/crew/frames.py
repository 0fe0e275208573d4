"""Frames between a run and its processes, here or on a host: a JSON object, then bytes."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Protocol

_LENGTHS = struct.Struct(">IQ")
_LONGEST_VALUES = 2**20


@dataclass(frozen=True, slots=True)
class Frame:
    """What one side says: `op` and its values, and a payload."""

    values: Mapping[str, Any]
    payload: bytes = b""

    @property
    def op(self) -> str:
        """What is said."""
        return str(self.values["op"])

    def encode(self) -> bytes:
        """Return the bytes of the frame."""
        values = json.dumps(self.values).encode()
        return _LENGTHS.pack(len(values), len(self.payload)) + values + self.payload


class Reader(Protocol):
    """What frames are read from: of asyncio, or of an SSH connection."""

    async def readexactly(self, n: int, /) -> bytes:
        """Return so many bytes; raise IncompleteReadError where there are fewer."""


async def read_frame(reader: Reader, most: int | None = None) -> Frame | None:
    """Return the next frame of a stream; None at its end.

    `most` is the length in bytes of the longest payload that is read from another machine: raises
    ValueError where a frame is longer, or is none.
    """
    try:
        sizes = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        if most is not None and (sizes[0] > _LONGEST_VALUES or sizes[1] > most):
            raise ValueError(f"{sum(sizes)} bytes")
        values, payload = [await reader.readexactly(size) for size in sizes]
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    found = json.loads(values)
    if not isinstance(found, dict) or "op" not in found:
        raise ValueError("no frame")
    return Frame(found, payload)


def read_blocking(file: IO[bytes]) -> Frame | None:
    """Return the next frame of a file; None at its end."""
    start = file.read(_LENGTHS.size)
    if len(start) < _LENGTHS.size:
        return None
    values, payload = (file.read(size) for size in _LENGTHS.unpack(start))
    return Frame(json.loads(values), payload)
