from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.sync.tar.reader import LimitedStream, limit_for, read_members

MB = 2**20


class Endless:
    """A stream that begins with some bytes and goes on with the same byte for ever."""

    def __init__(self, begin: bytes, byte: bytes = b"a") -> None:
        self.begin, self.byte, self.sent = begin, byte, 0

    def read(self, size: int) -> bytes:
        block = self.begin[:size]
        self.begin = self.begin[size:]
        self.sent += size
        return block + self.byte * (size - len(block))


def header(kind: bytes, size: int, name: str = "x") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def pax(text: bytes) -> bytes:
    return header(b"x", len(text)) + text.ljust(-len(text) % 512 + len(text), b"\0")


def members(begin: bytes, limit: int = 8 * MB) -> tuple[list[str], Endless]:
    stream = Endless(begin)
    names = [member.name for member, _ in read_members(LimitedStream(stream, limit))]
    return names, stream


@pytest.mark.parametrize(
    "begin",
    [
        header(b"L", 8 * 2**30),
        header(b"K", 2**60),
        header(b"x", 2**40),
        header(b"g", 2**40),
        header(b"0", 2**62),
        header(b"0", -512),
        header(b"L", -1),
        pax(b"28 size=99999999999999999999\n"),
        pax(b"12 size=-512\n") + header(b"0", 5),
        pax(b"99999999999999999999999999 path=x\n"),
        pax(b"not a record at all"),
        header(b"L", 2) * 100_000,
        header(b"x", 0) * 5_000,
        header(b"S", 5)[:345] + b"\1" * 167,
        b"",
    ],
    ids=lambda begin: begin[156:157].decode() + str(len(begin)),
)
def test_a_header_that_no_tar_program_writes_ends_the_stream(begin):
    names, stream = members(begin)

    assert set(names) <= {"x"}
    assert stream.sent <= 9 * MB


@given(st.binary(max_size=3000))
def test_any_bytes_end(data):
    members(data, limit=2**16)


def test_the_longest_names_arrive():
    names = ["a" * 255, "/".join(["b" * 250] * 16), "é" * 2000]
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
            for name in names:
                info = tarfile.TarInfo(name)
                info.size = 3
                archive.addfile(info, io.BytesIO(b"abc"))
        sent = buffer.tell()
        buffer.seek(0)
        stream = LimitedStream(buffer, limit_for([3] * 3, [name.encode() for name in names]))

        received = [(m.name, content and content.read()) for m, content in read_members(stream)]

        assert received == [(name, b"abc") for name in names]
        assert stream.is_over
        assert sent < stream.size


def test_concatenated_archives_are_one_stream():
    buffer = io.BytesIO()
    for name in ("a", "b"):
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(name))
    buffer.seek(0)

    assert [m.name for m, _ in read_members(LimitedStream(buffer, MB))] == ["a", "b"]
