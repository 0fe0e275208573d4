from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.errors import DamagedRun, NotResumable
from dl_magics.runs import log
from dl_magics.runs.events import DataChecked
from dl_magics.runs.log import (
    FILE_NAME,
    LogReader,
    LogWriter,
    has_events,
    is_being_written,
    read_events,
    read_log_of_host,
)
from support import run_events

HOLD = """
import sys
from pathlib import Path
from support import run_events
from dl_magics.runs.log import LogWriter

with LogWriter(Path(sys.argv[1])) as lines:
    lines.append(run_events.make_events()[0])
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": "tests"},
    )
    assert process.stdout.readline() == b"open\n"
    yield process
    process.kill()
    process.communicate()


def test_written_events_are_read(tmp_path):
    story = run_events.make_events(run_events.epoch(1), run_events.epoch(2))

    run_events.write_log(tmp_path, story)

    assert list(read_events(tmp_path)) == story


def test_each_line_is_flushed_when_it_is_written(tmp_path):
    story = run_events.make_events(run_events.epoch(1))

    with LogWriter(tmp_path) as lines:
        lines.append(story[0])
        after_one = list(read_events(tmp_path))
        lines.append(story[1])

        assert after_one == story[:1]
        assert list(read_events(tmp_path)) == story


def test_a_writer_appends_to_an_existing_log(tmp_path):
    story = run_events.make_events(run_events.epoch(1))

    run_events.write_log(tmp_path, story[:1])
    run_events.write_log(tmp_path, story[1:])

    assert list(read_events(tmp_path)) == story


def test_a_reader_yields_each_event_once_as_it_is_appended(tmp_path):
    story = run_events.make_events(*map(run_events.epoch, range(1, 4)))
    reader = LogReader(tmp_path)

    assert list(reader.read_new()) == []
    for event in story:
        run_events.write_log(tmp_path, [event])
        assert reader.has_grown()
        assert list(reader.read_new()) == [event]
        assert not reader.has_grown()
        assert list(reader.read_new()) == []


def test_a_folder_without_a_log_has_no_events(tmp_path):
    assert list(read_events(tmp_path)) == []
    assert not has_events(tmp_path)
    assert not LogReader(tmp_path).has_grown()
    assert not is_being_written(tmp_path)


@settings(deadline=None)
@given(data=st.data())
def test_a_reader_yields_the_complete_lines_of_a_cut_log_and_later_the_rest(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    story = run_events.make_events(run_events.epoch(1), run_events.epoch(2))
    whole = (run_events.write_log(folder, story) / FILE_NAME).read_bytes()
    cut = data.draw(st.integers(0, len(whole)))

    (folder / FILE_NAME).write_bytes(whole[:cut])
    reader = LogReader(folder)
    before = list(reader.read_new())
    assert has_events(folder) == bool(before)
    with (folder / FILE_NAME).open("ab") as file:
        file.write(whole[cut:])
    after = list(reader.read_new())

    assert len(before) == whole[:cut].count(b"\n")
    assert [*before, *after] == story


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"rain",
        b"\xff\xfe\x00",
        b"17",
        b"null",
        b'"kind"',
        b'{"n":2}',
        b'{"kind":["epoch_ended"]}',
        b'{"kind":"danced","n":2,"t":1}',
        b'{"kind":"warned","n":2,"t":1}',
    ],
)
def test_a_damaged_line_is_reported_with_its_number(tmp_path, damage):
    path = (
        run_events.write_log(
            tmp_path, run_events.make_events(run_events.epoch(1), run_events.epoch(2))
        )
        / FILE_NAME
    )
    first, _, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + damage + b"\n" + last)

    with pytest.raises(DamagedRun) as caught:
        list(read_events(tmp_path))

    happened, fix = caught.value._render_traceback_()
    assert happened.startswith(f"DamagedRun: Line 2 of {path} is not an event:")
    assert "\n" not in happened
    assert "the other runs are not affected" in fix


def test_a_reader_does_not_read_a_line_twice(tmp_path):
    story = run_events.make_events(run_events.epoch(1), run_events.epoch(2))
    path = run_events.write_log(tmp_path, story[:2]) / FILE_NAME
    reader = LogReader(tmp_path)
    assert list(reader.read_new()) == story[:2]
    path.write_bytes(b"x" * (path.stat().st_size - 1) + b"\n")

    run_events.write_log(tmp_path, story[2:])

    assert list(reader.read_new()) == story[2:]


def test_a_damaged_line_is_reported_at_each_read_with_its_number_in_the_file(tmp_path):
    path = run_events.write_log(tmp_path, run_events.make_events(run_events.epoch(1))) / FILE_NAME
    reader = LogReader(tmp_path)
    assert len(list(reader.read_new())) == 2
    with path.open("ab") as file:
        file.write(b"rain\n")

    for _ in range(2):
        with pytest.raises(DamagedRun, match="Line 3 of"):
            list(reader.read_new())


def test_a_writer_cuts_a_torn_line_that_is_longer_than_what_it_reads_at_once(tmp_path):
    run_events.write_log(tmp_path, run_events.make_events(run_events.epoch(1)))
    whole = (tmp_path / FILE_NAME).read_bytes()
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(b"x" * 200_000)

    run_events.write_log(tmp_path, [])

    assert (tmp_path / FILE_NAME).read_bytes() == whole


@settings(deadline=None)
@given(data=st.data())
def test_a_writer_cuts_a_torn_line_and_nothing_else(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    story = run_events.make_events(run_events.epoch(1), run_events.epoch(2))
    whole = (run_events.write_log(folder, story) / FILE_NAME).read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    (folder / FILE_NAME).write_bytes(whole[:cut])

    left = whole[:cut].count(b"\n")
    run_events.write_log(folder, story[left:])

    assert (folder / FILE_NAME).read_bytes() == whole


def test_a_log_that_another_process_writes_is_refused(tmp_path, holder):
    before = (tmp_path / FILE_NAME).read_bytes()

    with pytest.raises(NotResumable) as caught:
        LogWriter(tmp_path)

    assert caught.value._render_traceback_() == [
        f"NotResumable: The run {tmp_path.name} is already running in another process.",
        f"  Watch it: %attach {tmp_path.name}",
    ]
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_log_is_being_written_while_it_is_open(tmp_path):
    with LogWriter(tmp_path):
        while_open = is_being_written(tmp_path)

    assert while_open
    assert not is_being_written(tmp_path)


def test_asking_whether_a_log_is_written_does_not_disturb_its_writer(tmp_path):
    story = run_events.make_events(run_events.epoch(1))
    with LogWriter(tmp_path) as lines:
        lines.append(story[0])

        assert [is_being_written(tmp_path), is_being_written(tmp_path)] == [True, True]
        lines.append(story[1])

    assert list(read_events(tmp_path)) == story


def test_another_process_sees_that_a_log_is_being_written(tmp_path, holder):
    assert is_being_written(tmp_path)


def test_the_log_of_an_ended_process_is_not_being_written(tmp_path, holder):
    holder.communicate()

    assert not is_being_written(tmp_path)


def test_the_log_of_a_killed_process_is_not_being_written(tmp_path, holder):
    holder.kill()
    holder.wait()

    assert not is_being_written(tmp_path)
    assert [event.n for event in read_events(tmp_path)] == [1]


def test_a_file_name_that_is_not_utf_8_is_logged_and_read_again(tmp_path):
    skipped = [{"path": "caf\udce9.jpg", "reason": "empty"}]
    story = run_events.make_events(DataChecked(images=1, skipped=skipped))

    run_events.write_log(tmp_path, story)

    assert list(read_events(tmp_path)) == story


def test_a_log_without_an_end_is_refused_before_it_fills_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "MAX_BYTES", 2000)

    with pytest.raises(DamagedRun, match="would become larger than 2,000 bytes"):
        run_events.write_log(tmp_path, run_events.make_events(*map(run_events.epoch, range(1, 99))))

    assert (tmp_path / FILE_NAME).stat().st_size <= 2000


def test_a_line_that_is_too_long_is_damage(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "_LONGEST_LINE", 2000)
    run_events.write_log(tmp_path, run_events.make_events(device="x" * 3000))

    with pytest.raises(DamagedRun, match="a line of more than 2,000 bytes"):
        list(read_events(tmp_path))


def test_a_line_of_a_host_that_is_not_an_event_is_reported_in_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "_LONGEST_LINE", 2000)
    story = run_events.make_events(run_events.epoch(1), run_events.epoch(2))
    path = run_events.write_log(tmp_path, story) / FILE_NAME
    first, _, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"rain\n" + last + b"x" * 3000 + b"\n" + last[:20])

    begun, reported, epoch, *too_long = read_log_of_host(path)

    assert (begun, epoch) == (story[0], story[2])
    assert reported.n == 2
    assert "b'rain'" in reported.text
    assert [each.code for each in too_long] == ["invalid_event"] * 2
