from __future__ import annotations

import contextlib
import re

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
    (skipped,) = take(receiver, welcome(9, busy="a"))

    assert skipped.message == {"event": "skipped", "after": 5, "to": 9, "busy": "a"}
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


VALUES = st.sampled_from([None, True, -1, 0.5, 10**400, "", "x", "\ud800", [], ["x"], {}, {"x": 1}])


def message(kind, **content):
    return {"header": {"msg_id": "m", "msg_type": kind}, "metadata": {}, "content": content}


def entry(m, ch="iopub", **more):
    return {"n": 6, "t": 1, "ch": ch, "m": m, **more}


VALID = [
    welcome(5, busy=None, boot="b", why="", n=5, full="", agent_pid=1),
    {"op": "pong", "state": "busy", "busy": "m", "n": 5},
    entry({**message("stream", name="stdout", text="x"), "parent_header": {"msg_id": "m"}}),
    entry({**message("status", execution_state="idle"), "parent_header": {"msg_id": "m"}}),
    entry(message("execute_request", code="x"), "in"),
    entry(message("input_request", prompt="x"), "stdin"),
    entry({**message("comm_msg", data={}), "buffers": ["eA=="]}),
    entry(message("execute_reply", status="ok"), "shell", size=9, zlib="eJw="),
    entry(message("stream", name="stdout", text="x"), size=9, file="f"),
    entry({"event": "kernel_died", "why": "x"}, "agent"),
    entry({"event": "settled", "before": 3}, "agent"),
    entry({"event": "interrupted", "id": "x"}, "agent"),
    entry({"event": "skipped"}, "agent"),
]
NAMES = sorted(set(re.findall(r"'(\w+)':", str(VALID))))


def change(part, name, value):
    """Replace a value wherever it is in a document."""
    if not isinstance(part, dict):
        return part
    return {key: value if key == name else change(one, name, value) for key, one in part.items()}


@pytest.mark.parametrize("name", NAMES)
@given(value=VALUES)
@settings(max_examples=12)
def test_nothing_that_an_agent_can_say_ends_the_link(name, value):
    for document in VALID:
        receiver = Receiver(5)
        # Such an error causes a reconnect; any other one would end the link.
        with contextlib.suppress(ValueError, KeyError):
            for received in receiver.take(change(document, name, value)):
                cells, requests = RunningCells(), PendingRequests()
                requests.expect(PendingRequest("m"))
                cells.take(received)
                requests.take(received)
        assert isinstance(receiver.status.n, int)


def test_an_event_without_a_reason_has_one(receiver):
    (died,) = take(receiver, {"n": 6, "t": 1, "ch": "agent", "m": {"event": "kernel_died"}})

    assert died == JournalEntry(6, 1, "agent", {"event": "kernel_died", "why": "unknown reason"})
