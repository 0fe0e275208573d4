"""A big file goes in ranges: what lies there from before is compared in segments, and kept."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from dl_magics.sync.tar_batch import TarPiece

_MB = 2**20
_SEGMENT_MB = 2
_SEGMENT = _SEGMENT_MB * _MB
_WORTH_HALVING = 32 * _MB


class Range:
    """Bytes of a file that are still to be sent; `at` is how far they were read."""

    def __init__(self, path: Path, at: int, end: int) -> None:
        self.path, self.at, self.end = path, at, end

    def pieces(self) -> Iterator[TarPiece]:
        """Yield them; where the file cannot be read to its end, `at` stays before it."""
        with contextlib.suppress(OSError), self.path.open("rb") as file:
            file.seek(self.at)
            while block := file.read(min(_MB, self.end - self.at)):
                self.at += len(block)
                yield TarPiece(block, len(block), 0)

    def halve(self) -> Range | None:
        """Give away the second half of what is left, where that is worth it."""
        left = self.end - self.at
        if left < _WORTH_HALVING:
            return None
        middle = (self.at + left // 2) // _MB * _MB
        given = Range(self.path, middle, self.end)
        self.end = middle
        return given

    def taking(self, part: str) -> str:
        """Return the command that puts them into their place in a file there."""
        seek = f"dd bs={_MB} seek={self.at // _MB} count=0 2>/dev/null; " if self.at else ""
        return f'f={shlex.quote(part)} && mkdir -p -- "${{f%/*}}" && {{ {seek}cat; }} 1<>"$f"'


@dataclass(slots=True)
class Ranges:
    """What is still to be sent of a file, for one that sends it or two."""

    waiting: list[Range]
    taken: list[Range] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Return how many bytes wait."""
        return sum(one.end - one.at for one in self.waiting)

    @property
    def is_done(self) -> bool:
        """Whether all of it could be read."""
        return not self.waiting and all(one.at == one.end for one in self.taken)

    def next(self) -> Range | None:
        """Return what to send next: what waits, else half of what another one sends."""
        if self.waiting:
            one: Range | None = self.waiting.pop(0)
        else:
            longest = max(self.taken, key=lambda each: each.end - each.at, default=None)
            one = longest and longest.halve()
        if one:
            self.taken.append(one)
        return one


def build_checksum_command(part: str, size: int, wanted: int) -> str:
    """Return the command that tells the sha256 of each segment of a file there.

    A file that is too long is of another one: it is taken away.
    """
    file = shlex.quote(part)
    if size > wanted:
        return f"rm -f -- {file}"
    segment = f"dd if={file} bs={_MB} skip=$i count={_SEGMENT_MB} 2>/dev/null"
    return (
        f"i=0; while [ $i -lt {-(-size // _MB)} ]; do"
        f" {segment} | sha256sum || exit 0; i=$((i + {_SEGMENT_MB})); done"
    )


def find_missing_ranges(path: Path, size: int, sums_there: list[str]) -> list[Range]:
    """Return the ranges of a file that are not there yet, as the sums of its segments tell.

    Of a file that cannot be read, all is missing.
    """
    found: list[Range] = []
    try:
        file = path.open("rb")
    except OSError:
        return [Range(path, 0, size)]
    with file:
        for at, there in zip(range(0, size, _SEGMENT), sums_there, strict=False):
            if _sum(file, _SEGMENT) == there:
                continue
            end = min(at + _SEGMENT, size)
            if found and found[-1].end == at:
                found[-1].end = end
            else:
                found.append(Range(path, at, end))
    known = min(len(sums_there) * _SEGMENT, size)
    if known < size:
        if found and found[-1].end == known:
            found[-1].end = size
        else:
            found.append(Range(path, known, size))
    return found


def file_sha256(path: Path, size: int) -> str:
    """Return the sha256 of the first bytes of a file."""
    with path.open("rb") as file:
        return _sum(file, size)


def _sum(file: IO[bytes], size: int) -> str:
    digest = hashlib.sha256()
    while size and (block := file.read(min(size, _MB))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()
