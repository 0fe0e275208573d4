from __future__ import annotations

import base64
import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.gpu_kernel.agent import messages
from dl_magics.gpu_kernel.agent.messages import Wire
from dl_magics.gpu_kernel.link import long_entries

HEADERS = {
    "header": {"msg_id": "m", "msg_type": "display_data"},
    "parent_header": {"msg_id": "asked"},
}
TEXT = {"name": "stdout", "text": "x"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def line(message, channel="iopub"):
    """Return the line that the agent writes for a message of the kernel."""
    frames = [memoryview(frame) for frame in Wire("key").pack(message)]
    parts = {"n": 7, "t": 1.5, "ch": channel}
    return b"".join(messages.packed(parts, Wire("key").receive(frames)))


@pytest.fixture(autouse=True)
def _all_are_large(monkeypatch):
    monkeypatch.setattr(messages, "LARGE_BYTES", 0)
    monkeypatch.setattr(messages, "SLICE_BYTES", 6)


@pytest.fixture
def document():
    packed = json.loads(line({**HEADERS, "metadata": {}, "content": TEXT}))

    def change(**fields):
        return {**packed, **fields}

    return change


@given(st.dictionaries(st.text(), JSON, max_size=3), st.lists(st.binary(max_size=40), max_size=3))
@settings(max_examples=40)
def test_a_large_message_is_read_as_the_kernel_sent_it(content, buffers):
    encoded = [base64.b64encode(buffer).decode() for buffer in buffers]
    message = {**HEADERS, "metadata": {"of": "us"}, "content": content, "buffers": encoded}

    entry = long_entries.read_line(line(message))
    from_document = long_entries.read_document(json.loads(line(message)))

    assert entry == from_document
    assert (entry.n, entry.at, entry.channel) == (7, 1.5, "iopub")
    assert entry.message == {**message, "buffers": buffers}


def test_text_that_looks_like_the_format_is_not_taken_for_it():
    content = {"name": "stdout", "text": '"zlib":"eJw="}\n'}
    plain = {"n": 7, "t": 1, "ch": "iopub", "m": {**HEADERS, "content": content}}

    entry = long_entries.read_line(json.dumps(plain, separators=(",", ":")).encode() + b"\n")

    assert entry.message["content"] == content


def test_an_output_that_the_agent_withholds_is_said_in_two_lines_under_its_cell(document):
    withheld = document(size=612 << 20, file="/home/ada/.dlm/1/journal/000000000007.jsonl")
    del withheld["zlib"]

    entry = long_entries.read_document(withheld)

    assert entry.answers == "asked"
    assert entry.kind == "stream"
    assert entry.message["content"] == {
        "name": "stderr",
        "text": "An output of 612 MB is too large to be sent here (limit: 256 MB); "
        "it is kept on the host, in /home/ada/.dlm/1/journal/000000000007.jsonl.\n"
        "  Write large results to a file on the host and fetch it: %sync down FILE\n",
    }


def test_a_reply_that_is_withheld_stays_a_reply_so_that_the_cell_ends(document):
    header = {"msg_id": "m", "msg_type": "execute_reply"}
    withheld = document(ch="shell", file="f", m={**HEADERS, "header": header})

    entry = long_entries.read_document(withheld)

    assert (entry.channel, entry.kind, entry.answers) == ("shell", "execute_reply", "asked")
    assert entry.message["content"]["status"] == "error"
    assert entry.message["content"]["ename"] == "OutputLost"


def packed(data):
    return base64.b64encode(zlib.compress(data)).decode()


@pytest.mark.parametrize(
    "change",
    [
        {"size": 5},
        {"size": None},
        {"size": -1},
        {"size": (256 << 20) + 1},
        {"zlib": "no base64"},
        {"zlib": base64.b64encode(b"not compressed").decode()},
        {"zlib": packed(b"{'no': JSON}"), "size": 12},
        {"zlib": packed(b"[]"), "size": 2},
        {"zlib": packed(b"[" * 200_000), "size": 200_000},
        {"zlib": packed(b"0" * (1 << 20)), "size": 100},
    ],
    ids=lambda change: f"{change}"[:60],
)
def test_a_message_that_cannot_be_decoded_is_said_and_does_not_stop_the_journal(document, change):
    entry = long_entries.read_document(document(**change))

    assert (entry.n, entry.answers, entry.kind) == (7, "asked", "stream")
    assert entry.message["content"]["text"].startswith("An output could not be decoded: ")


@pytest.mark.parametrize("m", [None, 1, [], {}, {"header": 3}, {"header": {"msg_id": 5}}])
@pytest.mark.parametrize("more", [{}, {"file": "f"}])
def test_an_entry_of_a_wrong_type_becomes_an_event_with_its_number(document, m, more):
    entry = long_entries.read_document(document(m=m, **more))

    assert (entry.n, entry.event) == (7, "unreadable")


def test_an_entry_without_a_number_is_refused(document):
    with pytest.raises(ValueError, match="not a journal entry"):
        long_entries.read_document(document(n="7"))
