from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.gpu_kernel.link import stream
from dl_magics.gpu_kernel.link.stream import AgentStream, IncompleteEntry, Piece

LONG = json.dumps({"n": 7, "text": "x" * 300}).encode() + b"\n"


def sent(line, n=7, offset=0, size=100):
    """Return a long line as an agent sends it: in pieces, with other lines between them."""
    for at in range(offset, len(line), size):
        data = line[at : at + size]
        head = {"op": "piece", "n": n, "offset": at, "length": len(data), "total": len(line)}
        yield stream.encode_line(head) + data
        yield stream.encode_line({"op": "pong"})


@given(st.lists(st.integers(1, 50), min_size=1))
def test_bytes_in_blocks_of_any_size_give_the_same_documents_and_pieces(sizes):
    data = b"".join(sent(LONG)) + stream.encode_line({"n": 8})
    parser, line, documents = AgentStream(), IncompleteEntry(), []
    while data:
        size = sizes[len(data) % len(sizes)]
        for received in parser.feed(data[:size]):
            if isinstance(received, Piece):
                line.add(received, 1000)
            else:
                documents.append(received)
        data = data[size:]

    assert bytes(line.take()) == LONG
    assert documents == [{"op": "pong"}] * 4 + [{"n": 8}]


@given(st.data())
def test_an_entry_that_breaks_off_anywhere_any_number_of_times_is_received_once(data):
    line = IncompleteEntry()
    while len(line.data) < len(LONG):
        session = b"".join(sent(LONG, offset=len(line.data)))
        for received in AgentStream().feed(session[: data.draw(st.integers(70, 1000))]):
            if isinstance(received, Piece):
                line.add(received, 1000)

    assert bytes(line.take()) == LONG


@pytest.mark.parametrize("where", [0, 100, 10_000])
def test_a_piece_that_does_not_follow_is_refused_and_the_entry_starts_again(where):
    line = IncompleteEntry()
    line.add(Piece(7, 0, 10_000, b"x" * 50), 10_000)

    with pytest.raises(ValueError, match="came after 50"):
        line.add(Piece(7, where, 20_000, b"x"), 20_000)

    assert line.take() == b""


def test_an_entry_longer_than_allowed_is_refused_before_it_is_received():
    with pytest.raises(ValueError, match="1001"):
        IncompleteEntry().add(Piece(7, 0, 1001, b"x"), 1000)


def test_a_line_without_an_end_is_refused_and_not_collected():
    parser = AgentStream()
    list(parser.feed(b"x" * stream.MAX_LINE_BYTES))

    with pytest.raises(ValueError, match="a line of the agent has more than"):
        list(parser.feed(b"x"))


@pytest.mark.parametrize(
    "line",
    [
        b"no JSON\n",
        b"[1]\n",
        b"[" * 200_000 + b"\n",
        b'{"op":"piece"}\n',
        b'{"op":"piece","n":1,"offset":0,"length":0,"total":5}\n',
        b'{"op":"piece","n":1,"offset":-1,"length":2,"total":5}\n',
        b'{"op":"piece","n":1,"offset":4,"length":2,"total":5}\n',
        b'{"op":"piece","n":1,"offset":0,"length":99999999999,"total":99999999999}\n',
        b'{"op":"piece","n":"1","offset":0,"length":1,"total":1}\n',
    ],
    ids=lambda line: line[:50].decode(),
)
def test_a_line_that_no_agent_sends_is_refused(line):
    with pytest.raises(ValueError, match=r"."):
        list(AgentStream().feed(line))
