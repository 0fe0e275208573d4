"""What is pushed of a run while its log grows."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dl_magics.actions.gpu.host import SshHost
from dl_magics.errors import NoSuchRun
from dl_magics.runs import remote_origin
from dl_magics.runs.events import EpochEnded, RunEnded
from dl_magics.runs.log import LogWriter
from dl_magics.server.monitors.runs import RunMonitor
from dl_magics.store import paths, private
from support import run_events

STARTED = replace(run_events.started(), host={"name": "gpu", "dollars_per_hour": 3600.0})


def create_run(name: str = "run") -> Path:
    return private.create_folder(paths.data_folder("runs") / name)


def test_each_new_event_is_pushed_and_the_end_is_a_notice(published):
    monitor = RunMonitor(published)
    assert not monitor.step()
    folder = create_run()
    events = run_events.stamp([STARTED, run_events.epoch(1), RunEnded(status="done")])
    with LogWriter(folder) as writer:
        writer.append(events[0])
        assert monitor.step()
        writer.append(events[1])
        assert monitor.step()
        assert monitor.step()
        writer.append(events[2])

    assert not monitor.step()

    pushed = [(each["name"], each["n"], each["status"]) for each in published.of("run")]
    assert pushed == [("run", 1, "running"), ("run", 2, "running"), ("run", 3, "done")]
    assert published.of("run")[0]["cells"]["attach"] == "%attach run"
    (notice,) = published.of("notice")
    assert (notice["kind"], notice["run"]) == ("run-done", "run")
    assert "val_accuracy 0.800" in notice["message"]
    assert notice["message"].endswith(", $1.00")


def test_runs_that_ended_before_the_server_started_are_listed_without_a_notice(published):
    run_events.write_log(create_run(), run_events.make_events(ended=RunEnded(status="failed")))

    monitor = RunMonitor(published)

    assert [each.status for each in monitor.list_runs()] == ["failed"]
    assert published.events == []


def test_a_process_that_was_killed_is_noticed_although_its_log_does_not_grow(published):
    monitor = RunMonitor(published)
    monitor.step()
    folder = create_run()
    with LogWriter(folder) as writer:
        writer.append(run_events.stamp([STARTED])[0])
        monitor.step()

    monitor.step()

    assert [each["status"] for each in published.of("run")] == ["running", "interrupted"]
    assert published.of("notice")[0]["kind"] == "run-interrupted"


def test_a_log_that_is_damaged_is_noticed_once(published):
    monitor = RunMonitor(published)
    folder = create_run()
    with LogWriter(folder) as writer:
        writer.append(run_events.stamp([STARTED])[0])
        monitor.step()
        with (folder / "events.jsonl").open("a") as log:
            log.write("no event\n")
        monitor.step()
        monitor.step()

    (notice,) = published.of("notice")
    assert (notice["kind"], notice["level"]) == ("run-failed", "error")
    assert "is not an event" in notice["message"]


def test_a_stop_names_a_run_that_exists(published):
    with pytest.raises(NoSuchRun):
        RunMonitor(published).stop("other")


def test_a_diverged_run_has_an_epoch(published):
    monitor = RunMonitor(published)
    monitor.step()
    nan = run_events.epoch(1, loss=float("nan"))
    assert isinstance(nan, EpochEnded)
    run_events.write_log(create_run(), run_events.make_events(nan))

    monitor.step()

    assert published.of("run")[-1]["epochs"] == 1


def test_a_stop_that_cannot_reach_the_host_of_a_run_is_noticed(published):
    monitor = RunMonitor(published)
    folder = create_run()
    run_events.write_log(folder, run_events.stamp([STARTED]))
    origin = replace(run_events.ORIGIN, host=SshHost(alias="i-0123abcd", name="gpu").to_json())
    remote_origin.save(folder, replace(origin, is_complete=False))

    assert monitor.stop("run")["stopping"]

    for thread in threading.enumerate():
        if thread.name == "dl_magics run":
            thread.join(60)
    (notice,) = published.of("notice")
    assert (notice["kind"], notice["run"]) == ("action-failed", "run")
    assert notice["message"].startswith("run could not be stopped: ")
    assert notice["fix"]
