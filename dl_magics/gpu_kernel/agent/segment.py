"""One file of the journal: whole lines, of which the long ones are sent in pieces."""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_right
from pathlib import Path
from typing import Any, BinaryIO, Iterable, Iterator, NamedTuple

from .messages import CHUNK_BYTES, as_line

LONG_BYTES = 1 << 16
HEAD = re.compile(rb'\{"n":(\d+),"t":[\d.]+,"ch":"(\w+)"(?:,"size":(\d+))?,"m":')
# The part of a long line that surely has the headers of its message.
HEAD_BYTES = 1 << 16


class LongLine(NamedTuple):
    """Where a long line is in its file; `size` is that of its uncompressed message."""

    n: int
    offset: int
    length: int
    size: int


class Segment:
    """A file of entries, named by the number `first` of its first entry; `next` is to come."""

    def __init__(self, folder: Path, first: int) -> None:
        self.first = first
        self.path = folder / f"{first:012d}.jsonl"
        self.next = first
        self.size = 0
        self._long: list[LongLine] = []

    def append(self, file: BinaryIO, parts: Iterable[bytes], size: int) -> None:
        """Write one line; if that fails (OSError), the file is unchanged."""
        end = self.size
        try:
            for part in parts:
                rest = memoryview(part)
                while rest:
                    written = os.write(file.fileno(), rest)
                    rest, end = rest[written:], end + written
        except OSError:
            os.ftruncate(file.fileno(), self.size)
            raise
        self._add(self.next, end - self.size, size)
        self.next += 1

    def recover(self, thorough: bool) -> Iterator[dict[str, Any]]:
        """Find the lines of an existing file; yield the entries that had to be parsed.

        Entries with a message of the kernel are parsed only if `thorough`. The file is cut behind
        the last intact line.
        """
        n = self.first
        with self.path.open("rb") as file:
            while True:
                line, length = _read_line(file)
                head = HEAD.match(line)
                if not head or int(head[1]) != n or not line.endswith(b"}\n") or b"\0" in line:
                    break
                ours = head[2] in (b"in", b"agent")
                if ours or (thorough and length == len(line)):
                    try:
                        yield json.loads(self.bytes_at(self.size, length))
                    except ValueError:
                        break
                self._add(n, length, int(head[3] or length))
                n += 1
        os.truncate(str(self.path), self.size)
        self.next = n

    def offset_of(self, n: int) -> int:
        """Return the byte offset of entry `n`."""
        missing = n - self.first
        offset = 0
        with self.path.open("rb") as file:
            while missing:
                data = file.read(CHUNK_BYTES)
                found = data.count(b"\n")
                if found < missing:
                    missing, offset = missing - found, offset + len(data)
                    continue
                at = -1
                for _ in range(missing):
                    at = data.index(b"\n", at + 1)
                return offset + at + 1
        return offset

    def long_at(self, offset: int) -> LongLine | None:
        """Return the long line that has the byte at this offset."""
        number = bisect_right([line.offset for line in self._long], offset)
        line = self._long[number - 1] if number else None
        return line if line and offset < line.offset + line.length else None

    def read(self, offset: int) -> bytes:
        """Return some whole lines from an offset, up to the next long line."""
        ends = [line.offset for line in self._long if line.offset > offset]
        end = min([self.size, offset + CHUNK_BYTES, *ends])
        data = self.bytes_at(offset, end - offset)
        return data[: data.rindex(b"\n") + 1]

    def bytes_at(self, offset: int, length: int) -> bytes:
        """Return the bytes at an offset."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def withheld(self, line: LongLine) -> bytes:
        """Return what is sent in place of a line that is larger than the client accepts."""
        data = self.bytes_at(line.offset, min(line.length, HEAD_BYTES))
        head = HEAD.match(data)
        if not head:
            raise ValueError(f"entry {line.n} of {self.path} is damaged")
        text = str(data[head.end() :], "utf-8", "replace")
        try:
            message = json.JSONDecoder().raw_decode(text)[0]
        except ValueError:
            message = {"event": "unreadable", "why": "it is too large"}
        document = {"n": line.n, "t": 0, "ch": head[2].decode(), "size": line.size, "m": message}
        return as_line(dict(document, file=str(self.path)))

    def _add(self, n: int, length: int, size: int) -> None:
        if length > LONG_BYTES:
            self._long.append(LongLine(n, self.size, length, size))
        self.size += length


def _read_line(file: BinaryIO) -> tuple[bytes, int]:
    """Return a line and its length; of a very long line only the first and the last bytes."""
    line = file.readline(CHUNK_BYTES)
    length, last = len(line), line
    while last and not last.endswith(b"\n"):
        last = file.readline(CHUNK_BYTES)
        if b"\0" in last:
            return b"", 0
        length += len(last)
    return (line, length) if last is line else (line + last[-HEAD_BYTES:], length)
