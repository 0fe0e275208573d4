from __future__ import annotations

import asyncio
import struct

import pytest

from dl_magics.training.crew.frames import Frame, read_frame


def read(sent: bytes, most: int | None = None) -> Frame | None:
    async def feed() -> Frame | None:
        reader = asyncio.StreamReader()
        reader.feed_data(sent)
        reader.feed_eof()
        return await read_frame(reader, most)

    return asyncio.run(feed())


def test_a_frame_comes_as_it_was_sent():
    frame = Frame({"op": "done", "shape": [2, 3]}, b"123")

    assert read(frame.encode()) == read(frame.encode(), most=3) == frame


@pytest.mark.parametrize("length", [0, 5, 20])
def test_the_end_of_a_stream_is_no_frame(length):
    assert read(Frame({"op": "done"}, b"123456789").encode()[:length]) is None


@pytest.mark.parametrize(
    "sent",
    [
        Frame({"op": "done"}, b"1234").encode(),
        struct.pack(">IQ", 2, 2**63),
        struct.pack(">IQ", 2**31, 0),
        Frame(["done"]).encode(),
        Frame({"shape": []}).encode(),
        struct.pack(">IQ", 3, 0) + b"{]}",
        struct.pack(">IQ", 3, 0) + b"\xff\xfe\xfd",
    ],
)
def test_what_another_machine_sends_is_a_frame_of_the_length_that_is_expected(sent):
    with pytest.raises(ValueError, match=r"bytes|no frame|Expecting|decode"):
        read(sent, most=3)
