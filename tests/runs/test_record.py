from __future__ import annotations

import threading

import pytest

from dl_magics.errors import DamagedRun
from dl_magics.runs import remote_origin
from dl_magics.runs.events import RunEnded
from dl_magics.runs.log import FILE_NAME, LogReader, LogWriter
from dl_magics.runs.record import RunRecord
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.runs.state import replay_events
from support import run_events

STORY = run_events.make_events(
    *map(run_events.epoch, range(1, 6)), ended=RunEnded(status="done", best_epoch=1)
)
ORIGIN = RemoteOrigin(
    host={}, python="", activate="", kernel_folder="", msg_id="", since=0, run_folder=""
)


def no_sleep(_seconds):
    raise AssertionError("it waits for a log that no process writes")


def test_a_record_holds_the_events_and_the_state_after_them(tmp_path):
    record = RunRecord(run_events.write_log(tmp_path, STORY))

    state = record.refresh()

    assert record.events == tuple(STORY)
    assert state == record.state == replay_events(STORY)


def test_a_refresh_reads_only_what_was_appended(tmp_path, monkeypatch):
    parsed = []
    read_new = LogReader.read_new

    def counted(self):
        for event in read_new(self):
            parsed.append(event.n)
            yield event

    monkeypatch.setattr(LogReader, "read_new", counted)
    record = RunRecord(tmp_path)

    for event in STORY:
        run_events.write_log(tmp_path, [event])
        assert record.refresh().n == event.n
        record.snapshot()

    assert parsed == [event.n for event in STORY]


def test_a_folder_without_a_log_has_an_empty_record(tmp_path):
    assert RunRecord(tmp_path).refresh().started_at == 0
    assert RunRecord(tmp_path).events == ()


def test_a_run_without_an_end_is_running_while_its_log_is_written(tmp_path):
    record = RunRecord(tmp_path)
    with LogWriter(tmp_path) as writer:
        for event in STORY[:3]:
            writer.append(event)
        assert record.snapshot().status == "running"

    assert record.snapshot().status == "interrupted"
    assert record.state.status == "running"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "running"),
        ({"kernel_died": True}, "interrupted"),
        ({"is_complete": True}, "interrupted"),
    ],
)
def test_a_remote_run_is_running_until_its_end_is_known(tmp_path, changes, status):
    record = RunRecord(run_events.write_log(tmp_path, STORY[:3]))
    values = {name: getattr(ORIGIN, name) for name in RemoteOrigin.__slots__}
    remote_origin.save(tmp_path, RemoteOrigin(**{**values, **changes}))

    assert record.snapshot().status == status


def test_threads_that_share_a_record_parse_each_line_once(tmp_path):
    record = RunRecord(run_events.write_log(tmp_path, STORY * 200))
    threads = [threading.Thread(target=record.refresh) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert record.events == tuple(STORY * 200)


def test_follow_yields_the_events_before_a_damaged_line_and_then_fails(tmp_path):
    run_events.write_log(tmp_path, STORY[:2])
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(b"rain\n")
    events = RunRecord(tmp_path).follow(no_sleep)

    assert [next(events), next(events)] == STORY[:2]
    with pytest.raises(DamagedRun, match="Line 3 of"):
        next(events)


def test_follow_does_not_read_a_log_that_has_not_grown(tmp_path, monkeypatch):
    reads, waits = [], []
    refresh = RunRecord.refresh

    def counted(self):
        reads.append(1)
        return refresh(self)

    monkeypatch.setattr(RunRecord, "refresh", counted)
    with LogWriter(tmp_path) as writer:
        writer.append(STORY[0])

        def sleep(_seconds):
            waits.append(1)
            if len(waits) == 50:
                writer.append(STORY[-1])
            if len(waits) == 100:
                writer.__exit__(None, None, None)

        events = list(RunRecord(tmp_path).follow(sleep))

    assert [event.n for event in events] == [1, STORY[-1].n]
    assert len(reads) == 3


def test_two_followers_of_one_record_both_get_every_event(tmp_path):
    record = RunRecord(run_events.write_log(tmp_path, STORY))

    assert list(record.follow(no_sleep)) == list(record.follow(no_sleep)) == STORY


def test_the_end_that_a_killed_run_lacks_is_added(tmp_path):
    record = RunRecord(run_events.write_log(tmp_path, STORY[:2]))

    *events, end = record.follow(no_sleep)

    assert events == STORY[:2]
    assert end == RunEnded(n=3, t=STORY[1].t, status="interrupted")
