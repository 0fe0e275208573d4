"""The runs at a glance, from their logs only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dl_magics.actions.runs import overview
from dl_magics.errors import NoSuchRun
from dl_magics.runs import remote_origin, stop_request
from dl_magics.runs.events import PhaseStarted, Progressed, RunEnded
from dl_magics.runs.log import LogWriter
from dl_magics.runs.record import RunRecord
from dl_magics.store import paths, private
from support import run_events

HOST = {"name": "gpu", "id": "i-0123abcd", "type": "g4dn.xlarge", "dollars_per_hour": 0.5}
HALF_DONE = (
    PhaseStarted(phase="features", total=100, unit="images"),
    Progressed(done=50, total=100, images_per_second=25.0, seconds_left=2.0),
)


def write_run(name: str, *middle, ended: RunEnded | None = None) -> Path:
    folder = private.create_folder(paths.data_folder("runs") / name)
    run_events.write_log(folder, run_events.make_events(*middle, ended=ended))
    return folder


def test_the_newest_runs_come_first():
    for name in ("2026-11-22_run", "2026-11-24_run", "2026-11-23_run"):
        write_run(name)
    (paths.data_folder("runs") / "2026-11-25_without_a_log").mkdir()

    names = [folder.name for folder in overview.list_folders(2)]

    assert names == ["2026-11-24_run", "2026-11-23_run"]


def test_a_summary_has_the_progress_and_the_cost_of_a_run_that_goes_on():
    folder = write_run("run")
    host = replace(run_events.started(), host=HOST)
    (folder / "events.jsonl").unlink()
    run_events.write_log(folder, run_events.stamp([host, *HALF_DONE]))

    with LogWriter(folder):
        summary = overview.summarize(RunRecord(folder))

    assert (summary.status, summary.done, summary.total) == ("running", 50, 100)
    assert (summary.host, summary.host_ids) == ("gpu", ("i-0123abcd",))
    # One second is its share of the hour; the minute that EC2 bills at least is the instance's.
    assert summary.dollars == pytest.approx(0.5 / 3600)
    assert not summary.ended


@pytest.mark.parametrize(
    ("host", "ids"),
    [({"ids": ["i-0123abcd", "i-0123abce"]}, ("i-0123abcd", "i-0123abce")), ({"ids": 7}, ())],
)
def test_a_summary_has_the_ids_of_a_crew(host, ids):
    folder = private.create_folder(paths.data_folder("runs") / "run")
    began = replace(run_events.started(), host={"local": True, "name": "crew", **host})
    run_events.write_log(folder, run_events.stamp([began]))

    assert overview.summarize(RunRecord(folder)).host_ids == ids


def test_a_run_whose_process_was_killed_is_interrupted():
    assert overview.summarize(RunRecord(write_run("run", *HALF_DONE))).status == "interrupted"


def test_a_damaged_log_is_a_line_of_the_overview():
    folder = write_run("run")
    (folder / "events.jsonl").write_text("no event\n")

    summary = overview.summarize(RunRecord(folder))

    assert summary.status == "damaged"
    assert "is not an event" in summary.error
    assert summary.fix


def test_a_stop_is_requested_once_and_only_from_a_run_that_goes_on():
    going, done = write_run("going"), write_run("done", ended=RunEnded(status="done"))

    with LogWriter(going):
        assert overview.request_stop(going).stopping
    assert not overview.request_stop(done).stopping
    assert not stop_request.is_stop_requested(done)


def test_only_the_events_after_the_nth_are_listed():
    record = RunRecord(write_run("run", *HALF_DONE))

    assert [each["n"] for each in overview.list_events(record, 1, 10)] == [2, 3]
    assert [each["n"] for each in overview.list_events(record, 0, 2)] == [1, 2]
    assert list(overview.list_events(record, 3, 10)) == []


def test_a_run_on_a_host_that_nobody_copies_needs_copying():
    folder = write_run("run")
    assert not overview.needs_copying(folder)

    remote_origin.save(folder, replace(run_events.ORIGIN, is_complete=False))

    assert overview.needs_copying(folder)
    with LogWriter(folder):
        assert not overview.needs_copying(folder)


@pytest.mark.parametrize("name", ["other", "..", "", "a/b", "../run", "run\n"])
def test_a_name_never_leads_out_of_the_folder_of_runs(name):
    write_run("run")

    with pytest.raises(NoSuchRun):
        overview.find_folder(name)

    assert overview.find_folder("run").name == "run"
