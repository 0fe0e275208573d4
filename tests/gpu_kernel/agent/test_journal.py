from __future__ import annotations

import errno
import json
import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.gpu_kernel.agent.journal import Journal
from dl_magics.gpu_kernel.agent.messages import Wire
from dl_magics.gpu_kernel.link.long_entries import read_line
from dl_magics.gpu_kernel.link.stream import AgentStream, IncompleteEntry, Piece

SMALL = 400
TEXTS = st.lists(st.text(max_size=120), min_size=1, max_size=30)


def journal(folder, **sizes):
    return Journal(Path(folder), **{"segment_bytes": SMALL, **sizes})


def write(journal, *texts):
    for text in texts:
        journal.append("iopub", {"text": text}, 1.0)


def received(journal, since=0, offset=0, largest=1 << 40):
    """Return what a client receives: documents, and the bytes of long entries."""
    place, stream = journal.place(since, offset), AgentStream()
    while True:
        data, place = journal.read(place, largest)
        if not data:
            return
        yield from stream.feed(data)


def read(journal, since=0):
    entries, line = [], IncompleteEntry()
    for one in received(journal, since):
        if isinstance(one, dict):
            entries.append(one)
        elif line.add(one, 1 << 30):
            entries.append(json.loads(line.take()))
    return entries


def texts_of(entries):
    return [entry["m"]["text"] for entry in entries]


def segments(folder):
    return sorted(Path(folder).glob("*.jsonl"))


@given(TEXTS, st.data())
def test_a_reader_resumes_after_n_entries_across_segments(texts, data):
    since = data.draw(st.integers(0, len(texts)))
    with tempfile.TemporaryDirectory() as folder:
        ours = journal(folder)
        write(ours, *texts)

        rest = read(ours, since)

        assert texts_of(rest) == texts[since:]
        assert [entry["n"] for entry in rest] == list(range(since + 1, len(texts) + 1))


@given(TEXTS, TEXTS, st.data())
@settings(max_examples=150)
def test_a_crash_at_any_byte_leaves_whole_entries_and_the_journal_continues(before, after, data):
    with tempfile.TemporaryDirectory() as folder:
        write(journal(folder), *before)
        last = segments(folder)[-1]
        os.truncate(last, data.draw(st.integers(0, last.stat().st_size)))

        recovered = journal(folder)
        kept = recovered.n
        write(recovered, *after)

        assert texts_of(read(recovered)) == before[:kept] + after
        assert texts_of(read(journal(folder))) == before[:kept] + after


@given(TEXTS, st.data())
def test_a_damaged_older_segment_leaves_no_gap(texts, data):
    with tempfile.TemporaryDirectory() as folder:
        write(journal(folder), *texts)
        torn = data.draw(st.sampled_from(segments(folder)[-2:]))
        where = data.draw(st.integers(0, torn.stat().st_size))
        torn.write_bytes(torn.read_bytes()[:where].ljust(torn.stat().st_size, b"\0"))

        recovered = journal(folder)

        assert texts_of(read(recovered)) == texts[: recovered.n]


def test_segments_after_a_gap_are_renamed_not_deleted(tmp_path):
    write(journal(tmp_path), *"abcdefghijklmnopqrst")
    first, second, *_ = segments(tmp_path)
    os.truncate(first, first.stat().st_size - 5)

    journal(tmp_path)

    assert second.with_suffix(".damaged").exists()
    assert not second.exists()


def test_a_reader_ahead_of_a_power_failure_resumes_after_the_surviving_entries(tmp_path):
    ours = journal(tmp_path)
    start_agent(ours, "first")
    write(ours, "a", "b", "c")
    os.truncate(segments(tmp_path)[-1], segments(tmp_path)[-1].stat().st_size - 1)

    again = journal(tmp_path)
    start_agent(again, "second")
    write(again, "d", "e", "f", "g")

    assert again.after(4, "first") == 3
    assert again.after(2, "first") == 2
    assert again.after(6, "second") == 6
    assert again.after(6, "") == 6


def start_agent(journal, boot):
    journal.append("agent", {"event": "agent_started", "boot": boot, "machine": "m"}, 1.0)


def test_a_failed_write_on_a_full_disk_changes_nothing(tmp_path, monkeypatch):
    ours = journal(tmp_path, segment_bytes=1 << 20)
    write(ours, "a")
    whole = os.write
    # Simulate a full disk: half a line is written, then nothing.
    monkeypatch.setattr(os, "write", lambda file, data: _full(whole, file, data))
    with pytest.raises(OSError, match="No space"):
        write(ours, "lost?" * 20)
    monkeypatch.undo()

    write(ours, "b")

    assert texts_of(read(ours)) == texts_of(read(journal(tmp_path))) == ["a", "b"]


def _full(whole, file, data):
    if len(data) < 60:
        raise OSError(errno.ENOSPC, "No space left on device")
    return whole(file, data[: len(data) // 2])


def test_only_segments_that_all_clients_received_are_deleted(tmp_path):
    ours = journal(tmp_path, keep_bytes=2 * SMALL)
    ask(ours, "first")
    write(ours, *("x" * 50 for _ in range(40)))
    size = total(tmp_path)

    ours.give_room(had=0)
    assert total(tmp_path) == size
    ours.give_room(had=20)
    assert 2 * SMALL < total(tmp_path) < size
    assert ours.first <= 21
    ours.give_room(had=ours.n)

    assert total(tmp_path) <= 2 * SMALL
    assert texts_of(read(ours, ours.first - 1)) == ["x" * 50] * (ours.n - ours.first + 1)
    assert ours.after(0, "") == ours.first - 1


def test_a_request_id_is_known_after_its_entry_was_deleted(tmp_path):
    ours = journal(tmp_path, keep_bytes=SMALL)
    ask(ours, "first")
    write(ours, *("x" * 50 for _ in range(40)))
    ours.give_room(had=ours.n)

    assert ours.first > 1
    assert "first" in journal(tmp_path).asked


def ask(journal, request):
    journal.append("in", {"header": {"msg_id": request}}, 1.0)


def total(folder):
    return sum(path.stat().st_size for path in segments(folder))


def test_an_entry_larger_than_a_segment_is_read_whole(tmp_path):
    ours = journal(tmp_path, segment_bytes=1 << 20)
    write(ours, "a", "x" * (3 << 20), "b")

    assert [len(text) for text in texts_of(read(ours))] == [1, 3 << 20, 1]


def test_a_reader_resumes_at_any_byte_of_a_long_entry(tmp_path):
    ours = journal(tmp_path, segment_bytes=1 << 30)
    write(ours, "a", "x" * 700_000, "b", "y" * 100_000, "c")
    whole = (tmp_path / "000000000001.jsonl").read_bytes().splitlines(keepends=True)

    for since, offset in [(1, 0), (1, 1), (1, 262_144), (1, len(whole[1]) - 1), (3, 50_000)]:
        pieces = [one for one in received(ours, since, offset) if isinstance(one, Piece)]
        first = [piece for piece in pieces if piece.n == since + 1]

        assert first[0].offset == offset
        assert b"".join(piece.data for piece in first) == whole[since][offset:]


@pytest.mark.parametrize("offset", [-1, 1 << 40])
def test_an_offset_behind_the_entry_starts_it_again(tmp_path, offset):
    ours = journal(tmp_path)
    write(ours, "a", "x" * 70_000)

    assert ours.offset(ours.place(1, offset)) == 0
    assert ours.offset(ours.place(0, 5)) == 0


def large(size=3 << 20):
    """Return a message of the kernel that is stored compressed."""
    header = {"msg_id": "m", "msg_type": "stream"}
    text = "".join(random.Random(1).choices("0123456789", k=size))
    message = {"header": header, "content": {"name": "stdout", "text": text}}
    frames = [memoryview(frame) for frame in Wire("key").pack(message)]
    return Wire("key").receive(frames), text


def test_large_messages_survive_a_crash_of_the_agent_like_small_ones(tmp_path):
    message, text = large()
    ours = journal(tmp_path, segment_bytes=1 << 20)
    write(ours, "a")
    ours.append("iopub", message, 1.0)
    write(ours, "b")

    recovered = journal(tmp_path, segment_bytes=1 << 20)
    write(recovered, "c")

    entries = {n: json.loads(line) for n, line in lines_of(recovered).items()}
    assert [entry["m"].get("text") for entry in entries.values()] == ["a", None, "b", "c"]
    assert read_line(lines_of(recovered)[2]).message["content"]["text"] == text


@pytest.mark.parametrize("damage", ["cut", "zeros"])
def test_a_large_message_that_was_not_written_to_the_end_is_removed(tmp_path, damage):
    ours = journal(tmp_path, segment_bytes=1 << 20)
    write(ours, "a")
    ours.append("iopub", large()[0], 1.0)
    file = segments(tmp_path)[-1]
    data = file.read_bytes()
    half = data[: len(data) // 2]
    file.write_bytes(half if damage == "cut" else half.ljust(len(data) - 3, b"\0") + data[-3:])

    recovered = journal(tmp_path)
    write(recovered, "b")

    assert texts_of(read(recovered)) == ["a", "b"]


def lines_of(journal):
    found, line = {}, IncompleteEntry()
    for one in received(journal):
        if isinstance(one, dict):
            found[one["n"]] = json.dumps(one).encode() + b"\n"
        elif line.add(one, 1 << 30):
            found[one.n] = bytes(line.take())
    return found


def test_a_message_larger_than_the_client_accepts_is_named_and_not_sent(tmp_path):
    ours = journal(tmp_path, segment_bytes=1 << 30)
    write(ours, "a")
    ours.append("iopub", large()[0], 1.0)
    write(ours, "b")

    first, withheld, last = received(ours, largest=2 << 20)

    assert (first["n"], withheld["n"], last["n"]) == (1, 2, 3)
    assert withheld["m"]["header"] == {"msg_id": "m", "msg_type": "stream"}
    assert withheld["size"] > 3 << 20
    assert withheld["file"] == str(tmp_path / "000000000001.jsonl")


def test_a_full_disk_in_the_middle_of_a_large_message_changes_nothing(tmp_path, monkeypatch):
    ours = journal(tmp_path, segment_bytes=1 << 30)
    write(ours, "a")
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, data: _full(whole, file, data))
    message, text = large()
    with pytest.raises(OSError, match="No space"):
        ours.append("iopub", message, 1.0)
    monkeypatch.undo()

    ours.append("iopub", message, 1.0)

    assert read_line(lines_of(ours)[2]).message["content"]["text"] == text
    assert list(lines_of(ours)) == list(lines_of(journal(tmp_path))) == [1, 2]


def test_sync_flushes_every_segment(tmp_path):
    ours = journal(tmp_path)
    write(ours, *("x" * 50 for _ in range(20)))

    ours.sync()
    ours.sync()

    assert texts_of(read(journal(tmp_path))) == ["x" * 50] * 20
