"""What trackers get of a run: TensorBoard's files are read by TensorBoard, the others are fakes."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import replace

import pytest

from dl_magics.actions.runs.trackers import export, options
from dl_magics.actions.runs.trackers.options import Chosen
from dl_magics.runs import log
from dl_magics.runs.events import RunEnded
from dl_magics.training.run import Run
from support import run_events
from support.run_events import epoch, make_events, resumed

RUN = "2026-11-22_235400_vgg16_dogscats"
EVENTS = make_events(epoch(1, 0.5), epoch(2, 0.25), ended=RunEnded(status="done"))

PROJECT = """
import json
from pathlib import Path

def note(*what):
    with Path(__file__).with_suffix(".log").open("a") as file:
        file.write(json.dumps(what) + "\\n")

class Run:
    def log(self, values, step=None):
        note("log", values, step)

    def finish(self):
        note("finish")

def init(**options):
    note("init", options)
    return Run()
"""
FAILS = """
def init(**options):
    raise ConnectionError("no route to https://ana:secret@tracker.example/api\\nmore")
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a module in place of the package of a tracker; return where it writes its calls."""

    def install(name, code):
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return tmp_path / f"{name}.log"

    yield install
    for name in options.KINDS:
        sys.modules.pop(name, None)


def yield_all(events):
    yield from events


def read_calls(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def read_scalars(folder):
    """Return {tag: [(step, value, time)]} as TensorBoard reads a folder."""
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    read = event_accumulator.EventAccumulator(str(folder))
    read.Reload()
    tensor_util = pytest.importorskip("tensorboard.util.tensor_util")
    return {
        tag: [
            (each.step, float(tensor_util.make_ndarray(each.tensor_proto)), each.wall_time)
            for each in read.Tensors(tag)
        ]
        for tag in read.Tags()["tensors"]
    }


def test_tensorboard_reads_each_epoch_at_its_own_time(tmp_path):
    pytest.importorskip("tensorboard")
    said = []

    done = export.send_recorded(EVENTS, [Chosen("tensorboard", str(tmp_path))], RUN, said.append)

    assert done
    assert said == []
    scalars = read_scalars(tmp_path / RUN)
    assert {*run_events.LOGS, "seconds"} == set(scalars)
    assert [(step, value) for step, value, _ in scalars["val_loss"]] == [(1, 0.5), (2, 0.25)]
    assert [at for _, _, at in scalars["loss"]] == [EVENTS[1].t, EVENTS[2].t]


def test_what_was_sent_to_tensorboard_before_is_not_written_twice(tmp_path):
    pytest.importorskip("tensorboard")
    said = []
    chosen = [Chosen("tensorboard", str(tmp_path))]
    assert export.send_recorded(EVENTS, chosen, RUN, said.append)
    before = sorted(tmp_path.rglob("*"))

    assert not export.send_recorded(EVENTS, chosen, RUN, said.append)

    assert sorted(tmp_path.rglob("*")) == before
    assert "holds events already; delete it to write them again" in said[0]


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_project_gets_start_values_and_end(package, name):
    calls = package(name, PROJECT)

    export.send_recorded(EVENTS, [Chosen(name, "pets")], RUN, pytest.fail)

    (_, options_of_init), first, second, totals, end = read_calls(calls)
    assert (options_of_init["project"], options_of_init["name"]) == ("pets", RUN)
    assert options_of_init["config"]["model"] == "VGG16"
    assert options_of_init["config"]["images_train"] == 16
    assert first == ["log", EVENTS[1].logs, 1]
    assert second == ["log", EVENTS[2].logs, 2]
    assert totals == ["log", {"seconds": 1.5}, 2]
    assert end == ["finish"]


MLFLOW = """
import json
from pathlib import Path
from types import SimpleNamespace

def note(*what):
    with Path(__file__).with_suffix(".log").open("a") as file:
        file.write(json.dumps(what) + "\\n")

class MlflowClient:
    def get_experiment_by_name(self, name):
        return None

    def create_experiment(self, name):
        note("experiment", name)
        return "7"

    def create_run(self, experiment_id, start_time=None, run_name=None):
        note("run", experiment_id, start_time, run_name)
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def log_batch(self, run_id, metrics=(), params=()):
        note("batch", run_id, [list(each) for each in metrics], dict(params))

    def set_terminated(self, run_id, status=None, end_time=None):
        note("end", run_id, status, end_time)
"""
ENTITIES = "def Metric(*values): return values\ndef Param(*values): return values\n"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("done", "FINISHED"),
        ("stopped", "FINISHED"),
        ("failed", "FAILED"),
        ("interrupted", "KILLED"),
    ],
)
def test_mlflow_gets_the_times_of_the_run_and_how_it_ended(package, tmp_path, status, word):
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "__init__.py").write_text(MLFLOW)
    (tmp_path / "mlflow" / "entities.py").write_text(ENTITIES)
    package("other", "")
    events = make_events(epoch(1), ended=RunEnded(status=status))

    export.send_recorded(events, [Chosen("mlflow", "pets")], RUN, pytest.fail)

    sys.modules.pop("mlflow.entities")
    experiment, run, params, metrics, _totals, end = read_calls(tmp_path / "mlflow/__init__.log")
    milliseconds = [int(each.t * 1000) for each in events]
    assert experiment == ["experiment", "pets"]
    assert run == ["run", "7", milliseconds[0], RUN]
    assert params[3]["epochs"] == "5"
    assert ["val_loss", 0.5, milliseconds[1], 1] in metrics[2]
    assert end == ["end", "r1", word, milliseconds[-1]]


def test_epochs_that_were_run_again_after_an_interruption_are_sent_once(package):
    calls = package("trackio", PROJECT)
    events = make_events(
        epoch(1, 0.9),
        epoch(2, 0.8),
        RunEnded(status="interrupted"),
        resumed(at=4, epoch=2),
        epoch(2, 0.7),
        ended=RunEnded(status="done"),
    )

    export.send_recorded(events, [Chosen("trackio", "pets")], RUN, pytest.fail)

    *_, first, second, _totals, end = read_calls(calls)
    assert [(each[2], each[1]["loss"]) for each in (first, second)] == [(1, 0.9), (2, 0.7)]
    assert end == ["finish"]
    assert len(read_calls(calls)) == 5


def test_the_log_of_a_killed_run_is_sent_as_interrupted(package):
    calls = package("trackio", PROJECT)

    export.send_recorded(make_events(epoch(1)), [Chosen("trackio", "pets")], RUN, pytest.fail)

    assert read_calls(calls)[-1] == ["finish"]


def test_a_tracker_that_fails_does_not_stop_the_run_and_is_said_once_without_its_password(package):
    package("wandb", FAILS)
    said = []
    events = make_events(*(epoch(n) for n in range(1, 30)), ended=RunEnded(status="done"))

    got = list(
        export.send_live((each for each in events), [Chosen("wandb", "pets")], RUN, said.append)
    )

    assert got == events
    (line,) = said
    assert line == (
        "! W&B gets no more of this run: no route to https://…@tracker.example/api\n"
        "  The run is not affected. Its log has everything; send it afterwards: "
        f"%runs {RUN} --wandb pets"
    )


def test_a_tracker_that_hangs_does_not_hold_the_run_up(package, monkeypatch):
    package("wandb", "import threading\ndef init(**options): threading.Event().wait()\n")
    monkeypatch.setattr(export, "_SECONDS_TO_FINISH", 0.1)
    said = []

    got = list(
        export.send_live((each for each in EVENTS), [Chosen("wandb", "pets")], RUN, said.append)
    )

    assert got == EVENTS
    assert "no answer for" in said[0]


def test_the_run_is_closed_when_its_consumer_is(package):
    package("trackio", PROJECT)
    closed = threading.Event()

    def train():
        try:
            yield from EVENTS
        finally:
            closed.set()

    live = export.send_live(train(), [Chosen("trackio", "pets")], RUN, pytest.fail)
    next(live)
    live.close()

    assert closed.is_set()


def test_a_tracker_gets_nothing_of_the_host_and_the_log_gets_nothing_of_the_tracker(
    package, tmp_path
):
    calls = package("wandb", PROJECT)
    host = {"name": "gpu", "alias": "i-0", "address": "203.0.113.7", "user": "ana"}
    started = replace(EVENTS[0], host=host)
    folder = run_events.write_log(tmp_path / RUN, [started, *EVENTS[1:]])
    before = (folder / log.FILE_NAME).read_bytes()

    said = export.send_runs([Run(folder)], [Chosen("wandb", "pets")], pytest.fail)

    assert said.startswith("1 of 1 runs sent.\nW&B: https://wandb.ai")
    assert "203.0.113.7" not in calls.read_text()
    assert "i-0" not in calls.read_text()
    assert (folder / log.FILE_NAME).read_bytes() == before
