"""Whole runs whose features a crew computes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from dl_magics.actions.runs import finetune
from dl_magics.actions.runs.crew import resuming
from dl_magics.runs.events import EpochEnded, Progressed, RunEnded, Warned
from dl_magics.runs.paths import RunPaths
from dl_magics.runs.record import RunRecord
from dl_magics.runs.state import RunState
from dl_magics.runs.workers.lines import format_workers
from dl_magics.ssh import blocking
from dl_magics.training import recorder
from dl_magics.training.crew import worker as worker_process
from dl_magics.training.engine import pipeline
from dl_magics.training.run import Run
from dl_magics.training.steps.budget import CUT
from support import tiny_keras
from support.backbones import small_model
from support.ec2_client import until


@pytest.fixture
def data(tmp_path):
    return small_model.save_beside(tiny_keras.photos(tmp_path / "photos", 30))


def run_with(crew, data, folder, *, stop=lambda: False, price=1.0, **asked):
    recipe = tiny_keras.recipe(data, workers=["crew-1", "crew-2"], epochs=1, **asked)
    host = {"local": True, "name": "crew-1, crew-2", "dollars_per_hour": price}
    yield from pipeline.run(recipe, tiny_keras.paths(folder), crew=crew, stop=stop, host=host)


def test_a_run_that_is_resumed_with_fewer_workers_and_then_without_has_the_numbers_of_one_host(
    hosts, data, home, tmp_path
):
    folder = home / "runs" / "2026-11-27_crew"
    paths = RunPaths(folder, home / "features", home / "weights")
    folder.mkdir(parents=True)
    recipe = tiny_keras.recipe(data, workers=["crew-1", "crew-2"], epochs=2)
    host = {"local": True, "name": "crew-1, crew-2", "dollars_per_hour": 1.0}
    hosts.up = ["crew-1", "crew-2"]
    train = partial(pipeline.run, crew=hosts.crew())
    begun = recorder.record_new_run(recipe, paths, host=host, train=train)
    for event in begun:
        if isinstance(event, Progressed) and event.done >= 8:
            break
    # By this another run sees that the host is used.
    assert is_locked(hosts.targets["crew-1"])
    begun.close()
    until(lambda: hosts.workers() == [])
    assert not is_locked(hosts.targets["crew-1"])
    state = RunRecord(folder).refresh()
    kept = state.done
    assert 8 <= kept < 60
    lines = list(format_workers(state))
    assert [line.partition(":")[0] for line in lines] == ["crew-1", "crew-2"]
    assert all("images (" in line and "$" in line for line in lines)
    assert state.dollars == pytest.approx(state.seconds_running / 3600)

    # crew-1 was given back.
    hosts.up = ["crew-2"]
    fewer = {**host, "name": "crew-2", "dollars_per_hour": 0.5}
    resumed = recorder.record_resumed_run(paths, host=fewer, crew=hosts.crew())
    for event in resumed:
        if isinstance(event, EpochEnded):
            break
    resumed.close()
    state = RunRecord(folder).refresh()
    (computed,) = state.workers
    assert computed["name"] == "crew-2"
    assert computed["images"] == 60 - kept

    # No worker is left, and AWS does not answer: all features are here.
    hosts.up = []
    run = Run(folder)
    planned = resuming.plan_resumed(run)
    assert "where the features of all images are kept" in planned.sentence
    ended = list(finetune.resume(run, lambda: False, planned))

    assert ended[-1].status == "done"
    assert ended[-1].dollars == pytest.approx(state.dollars)
    alone = tiny_keras.train(data, tmp_path / "alone", epochs=2)
    of_epochs = [dict(each["logs"]) for each in run.record.refresh().epochs]
    assert of_epochs == tiny_keras.losses(alone)
    # The features are those of a run without workers: nothing is computed again.
    (tmp_path / "again").mkdir()
    again = recorder.record_new_run(
        tiny_keras.recipe(data, epochs=1), replace(paths, run=tmp_path / "again")
    )
    assert next(event.kept for event in again if event.kind == "phase_started") == 60
    again.close()


def is_locked(target):
    return blocking.run_command(target, f"flock --nonblock {worker_process.LOCK} true").code == 1


def test_stop_and_a_budget_end_all_workers(hosts, data, tmp_path):
    hosts.up = ["crew-1", "crew-2"]
    asked = []
    events = run_with(hosts.crew(), data, tmp_path / "stopped", stop=lambda: bool(asked))

    stopped = []
    for event in events:
        stopped.append(event)
        if isinstance(event, Progressed) and event.done >= 8:
            asked.append(True)

    ended = stopped[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.status, ended.files) == ("stopped", {})
    assert 0 < [event.done for event in stopped if isinstance(event, Progressed)][-1] < 60
    until(lambda: hosts.workers() == [])

    # A second is a dollar for both together: the budget ends while features are computed.
    budget = run_with(hosts.crew(), data, tmp_path / "budget", price=7200.0, budget=10.0)
    spent = list(budget)

    assert spent[-1].status == "stopped"
    assert CUT in {event.code for event in spent if isinstance(event, Warned)}
    until(lambda: hosts.workers() == [])


def worker(name, price, images=1):
    return {
        "name": name,
        "state": "computing",
        "images": images,
        "images_per_second": 1.0,
        "dollars_per_hour": price,
        "dollars": 0.0,
    }


def test_a_run_costs_what_its_workers_cost_while_they_are_there():
    state = RunState(host={"dollars_per_hour": 2.0}, started_at=1000.0, at=1000.0)
    progressed = Progressed(
        n=1,
        t=1000.0 + 3600,
        done=1,
        total=9,
        images_per_second=1.0,
        seconds_left=1.0,
        workers=[worker("a", 1.0), worker("b", 1.0)],
    )
    state = state.apply(progressed)
    assert state.dollars == pytest.approx(2.0)

    # One is gone: the hour that follows costs half as much.
    fewer = [worker("a", 1.0), worker("b", 0.0)]
    state = state.apply(replace(progressed, n=2, t=progressed.t + 1, workers=fewer))
    state = state.apply(replace(progressed, n=3, t=progressed.t + 3600, workers=fewer))

    assert state.dollars == pytest.approx(3.0, abs=0.001)
