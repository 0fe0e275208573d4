from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.gpu_kernel.journal_entry import JournalEntry
from dl_magics.gpu_kernel.link import long_entries, stream
from dl_magics.gpu_kernel.link.receiver import Receiver
from dl_magics.gpu_kernel.link.status import AgentStatus
from dl_magics.gpu_kernel.link.stream import Piece
from dl_magics.gpu_kernel.requests.pending_request import PendingRequest
from dl_magics.gpu_kernel.requests.pending_requests import PendingRequests
from dl_magics.gpu_kernel.requests.running_cells import RunningCells

NAMES = ["n", "t", "ch", "m", "op", "size", "zlib", "file", "since", "offset", "state", "why"]
NAMES += ["busy", "boot", "header", "parent_header", "metadata", "content", "buffers", "event"]
NAMES += ["msg_id", "msg_type", "execution_state", "code", "text", "name", "before", "id", "prompt"]
HEADER = {"msg_id": "m", "msg_type": "stream"}


def line(n, text="x"):
    content = {"name": "stdout", "text": text}
    message = {"header": HEADER, "metadata": {}, "content": content}
    return {"n": n, "t": 1.0, "ch": "iopub", "m": message}


def welcome(since, offset=0, **status):
    return {"op": "welcome", "since": since, "offset": offset, "state": "idle", **status}


def take(receiver, *received):
    return [entry for one in received for entry in receiver.take(one)]


@pytest.fixture
def receiver():
    receiver = Receiver(5)
    take(receiver, welcome(5, boot="first", n=5))
    return receiver


def test_the_next_session_continues_at_the_byte_where_the_last_one_ended(receiver):
    take(receiver, line(6), Piece(7, 0, 1000, b"x" * 300))

    hello = receiver.hello("ours")

    assert (hello["since"], hello["offset"], hello["boot"]) == (6, 300, "first")
    assert hello["largest"] == long_entries.MAX_ENTRY_BYTES


def test_other_lines_may_come_between_two_pieces(receiver):
    data = stream.encode_line(line(6, "x" * 100))

    entries = take(
        receiver,
        Piece(6, 0, len(data), data[:50]),
        {"op": "pong", "state": "busy", "n": 6},
        Piece(6, 50, len(data), data[50:]),
        line(7),
    )

    assert [entry.n for entry in entries] == [6, 7]
    assert entries[0].message["content"]["text"] == "x" * 100
    assert receiver.status.agent.state == "busy"


def test_an_entry_that_did_not_survive_a_power_failure_starts_again(receiver):
    take(receiver, Piece(6, 0, 1000, b"x" * 300), welcome(5, offset=0))

    data = stream.encode_line(line(6))
    (entry,) = take(receiver, Piece(6, 0, len(data), data))

    assert entry.message["content"]["text"] == "x"


@pytest.mark.parametrize("received", [line(5), line(8), Piece(7, 0, 10, b"x")])
def test_an_entry_that_does_not_follow_is_refused(receiver, received):
    with pytest.raises(ValueError, match="came after 5"):
        take(receiver, received)

    assert receiver.status.n == 5


def test_entries_that_the_agent_no_longer_has_are_an_event(receiver):
    (skipped,) = take(receiver, welcome(9))

    assert skipped.message == {"event": "skipped", "after": 5, "to": 9}
    assert [entry.n for entry in take(receiver, line(10))] == [10]


def test_the_state_is_replaced_as_a_whole(receiver):
    before = receiver.status

    take(receiver, {"n": 6, "t": 1, "ch": "agent", "m": {"event": "kernel_died", "why": "memory"}})

    assert (before.n, before.agent.state) == (5, "idle")
    assert (receiver.status.n, receiver.status.agent.state) == (6, "dead")
    assert receiver.status.agent.why == "memory"


@pytest.mark.parametrize(
    "fields",
    [{"state": 5}, {"state": "<b>"}, {"why": ["x"]}, {"n": "1"}, {"n": -1}, {"boot": None}],
)
def test_a_status_of_a_wrong_type_is_refused(fields):
    with pytest.raises(ValueError, match="not the status of an agent"):
        AgentStatus.read({"op": "status", **fields})


def test_a_kernel_cannot_invent_a_state(receiver):
    message = {"header": {**HEADER, "msg_type": "status"}, "content": {"execution_state": "x" * 99}}
    take(receiver, {"n": 6, "t": 1, "ch": "iopub", "m": message})

    assert receiver.status.agent.state == "idle"
    assert receiver.status.n == 6


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([6, -1, 10**400, 0.5])
    | st.text(max_size=3)
    | st.sampled_from(["iopub", "agent", "in", "stream", "status", "execute_request", "welcome"])
    | st.sampled_from(["settled", "kernel_died", "busy", "idle", "piece"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=2),
    st.sampled_from(["agent", "in", "iopub", "shell", None]),
    st.sampled_from(["welcome", "status", None]),
)
@settings(max_examples=150)
def test_nothing_that_an_agent_can_say_ends_the_link(document, channel, op):
    receiver = Receiver(5)
    said = {"n": 6, "t": 1, "ch": channel, "m": document, **document}
    said = {name: value for name, value in said.items() if value is not None}
    said = said | ({"op": op} if op else {})

    # Such an error causes a reconnect; any other one would end the link.
    with contextlib.suppress(ValueError, KeyError):
        for entry in receiver.take(said):
            cells, requests = RunningCells(), PendingRequests(lambda id_: "")
            requests.expect(PendingRequest("m"))
            cells.take(entry)
            requests.take(entry)


def test_an_event_without_a_reason_has_one(receiver):
    (died,) = take(receiver, {"n": 6, "t": 1, "ch": "agent", "m": {"event": "kernel_died"}})

    assert died == JournalEntry(6, 1, "agent", {"event": "kernel_died", "why": "unknown reason"})
