"""Reads the files of a tar stream that another computer sends, with limits to what it may cost."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO, Protocol, Self, cast

_CHUNK = 2**20
# A name has at most some thousand bytes, also in a pax header.
_MAX_HEADER_BYTES = 2**20
_EXTENSIONS = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)
# A file has at most one long name, one long target and one pax header.
_MAX_EXTENSIONS = 8
_BYTES_OF_A_MEMBER = 2**14


class ByteStream(Protocol):
    """A source of bytes; b"" is its end."""

    def read(self, size: int, /) -> bytes: ...


class LimitedStream:
    """A stream that ends after `size` bytes; `is_over` says that it ended of its own."""

    def __init__(self, stream: ByteStream, size: int) -> None:
        self._stream, self._left, self.size = stream, size, size
        self.is_over = False

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes."""
        if not self._left:
            return b""
        block = self._stream.read(min(size, self._left))
        self._left -= len(block)
        self.is_over = not block
        return block


def limit_for(sizes: list[int], names: list[bytes]) -> int:
    """Return how many bytes the tar archives of these files have at most."""
    return sum(sizes) + 4 * sum(map(len, names)) + _BYTES_OF_A_MEMBER * len(names) + _CHUNK


def read_members(stream: LimitedStream) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Yield the members of concatenated tar archives with their content.

    What is damaged or incomplete ends the stream.
    """

    class LimitedTarInfo(tarfile.TarInfo):
        extensions = 0

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
            info = super().frombuf(buf, encoding, errors)
            is_extension = info.type in _EXTENSIONS
            cls.extensions = cls.extensions + 1 if is_extension else 0
            largest = _MAX_HEADER_BYTES if is_extension else stream.size
            if cls.extensions > _MAX_EXTENSIONS or not 0 <= info.size <= largest:
                raise _NotATarHeader
            return info

    try:
        with tarfile.open(
            fileobj=cast(IO[bytes], stream),
            mode="r|",
            bufsize=_CHUNK,
            ignore_zeros=True,
            tarinfo=LimitedTarInfo,
        ) as archive:
            for member in archive:
                # tarfile would read its way through any size that a pax header states.
                if not 0 <= member.size <= stream.size:
                    return
                yield member, archive.extractfile(member) if member.isreg() else None
    except (tarfile.TarError, ValueError, OverflowError, _NotATarHeader):
        return


class _NotATarHeader(Exception):
    """No tar program writes such a header for a file."""
