"""Sends a big file in ranges; segments that are already on the host are not sent again."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Literal, Protocol

from dl_magics.sync.tar.batch import TarPiece

_MB = 2**20
_SEGMENT_MB = 2
_SEGMENT = _SEGMENT_MB * _MB
_WORTH_HALVING = 32 * _MB


class Source(Protocol):
    """A file to send: a path, or a file below a folder."""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]: ...


class Range:
    """A range of a file to send; `at` is the offset of the next byte to read."""

    def __init__(self, source: Source, at: int, end: int) -> None:
        self.source, self.at, self.end = source, at, end

    def pieces(self) -> Iterator[TarPiece]:
        """Yield the bytes; if the file cannot be read completely, `at` stays less than `end`."""
        with contextlib.suppress(OSError), self.source.open("rb") as file:
            file.seek(self.at)
            while block := file.read(min(_MB, self.end - self.at)):
                self.at += len(block)
                yield TarPiece(block, len(block), 0)

    def halve(self) -> Range | None:
        """Split off the second half of the remaining bytes; None if too few are left."""
        left = self.end - self.at
        if left < _WORTH_HALVING:
            return None
        middle = (self.at + left // 2) // _MB * _MB
        given = Range(self.source, middle, self.end)
        self.end = middle
        return given

    def taking(self, part: str) -> str:
        """Return the command that writes the range into the remote file."""
        seek = f"dd bs={_MB} seek={self.at // _MB} count=0 2>/dev/null; " if self.at else ""
        # Other users cannot read what is on its way; it gets its mode at the end.
        where = f'umask 077 && f={shlex.quote(part)} && mkdir -p -- "${{f%/*}}"'
        return f'{where} && {{ {seek}cat; }} 1<>"$f"'


@dataclass(slots=True)
class Ranges:
    """The ranges of a file to send, shared by one or two streams."""

    waiting: list[Range]
    taken: list[Range] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The number of bytes that no stream has taken yet."""
        return sum(one.end - one.at for one in self.waiting)

    @property
    def is_done(self) -> bool:
        """Whether all ranges were read completely."""
        return not self.waiting and all(one.at == one.end for one in self.taken)

    def next(self) -> Range | None:
        """Return the next range: a waiting one, else half of one that is being sent."""
        if self.waiting:
            one: Range | None = self.waiting.pop(0)
        else:
            longest = max(self.taken, key=lambda each: each.end - each.at, default=None)
            one = longest and longest.halve()
        if one:
            self.taken.append(one)
        return one


def build_checksum_command(part: str, size: int, wanted: int) -> str:
    """Return the command that prints the SHA-256 of each segment of a remote file.

    A file longer than `wanted` belongs to another version and is removed.
    """
    file = shlex.quote(part)
    if size > wanted:
        return f"rm -f -- {file}"
    segment = f"dd if={file} bs={_MB} skip=$i count={_SEGMENT_MB} 2>/dev/null"
    return (
        f"i=0; while [ $i -lt {-(-size // _MB)} ]; do"
        f" {segment} | sha256sum || exit 0; i=$((i + {_SEGMENT_MB})); done"
    )


def find_missing_ranges(source: Source, size: int, remote_sums: list[str]) -> list[Range]:
    """Return the ranges whose segments differ from the remote checksums or have none.

    For a file that cannot be read, this is the whole file.
    """
    found: list[Range] = []
    try:
        file = source.open("rb")
    except OSError:
        return [Range(source, 0, size)]
    with file:
        for at, remote in zip(range(0, size, _SEGMENT), remote_sums, strict=False):
            if file_sha256(file, _SEGMENT) == remote:
                continue
            end = min(at + _SEGMENT, size)
            if found and found[-1].end == at:
                found[-1].end = end
            else:
                found.append(Range(source, at, end))
    known = min(len(remote_sums) * _SEGMENT, size)
    if known < size:
        if found and found[-1].end == known:
            found[-1].end = size
        else:
            found.append(Range(source, known, size))
    return found


def file_sha256(file: IO[bytes], size: int) -> str:
    """Return the SHA-256 of the next `size` bytes of a file."""
    digest = hashlib.sha256()
    while size and (block := file.read(min(size, _MB))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()
