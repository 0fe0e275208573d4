from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import unicodedata
from html import unescape

import numpy as np
import pytest

from dl_magics.actions.results.evaluating import read_stored
from dl_magics.errors import DamagedRun, NotTrained
from dl_magics.runs.events import RunEnded
from dl_magics.runs.log import FILE_NAME, LogWriter
from dl_magics.runs.report.page import write_report
from dl_magics.training.engine.resume_point import load_resume_point
from dl_magics.training.run import Run
from support import run_events, tiny_keras
from support.backbones import small_model

HOLD = """
import sys, time
from pathlib import Path
from support import run_events
from dl_magics.runs.log import LogWriter

with LogWriter(Path(sys.argv[1])) as lines:
    for event in run_events.make_events(run_events.epoch(1)):
        lines.append(event)
    print("open", flush=True)
    time.sleep(600)
"""


PREDICT = """
import sys
from pathlib import Path
from dl_magics.training.run import Run

print(len(Run(Path(sys.argv[1])).predict(sys.argv[2])))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_model.save_beside(tiny_keras.photos(tmp_path_factory.mktemp("photos"), n=10))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    room = tmp_path_factory.mktemp("runs")
    run_events.write_log(room / "run", tiny_keras.train(data, room, epochs=4, learning_rate=0.01))
    return Run(room / "run")


@pytest.fixture
def copied(run, tmp_path):
    return Run(shutil.copytree(run.path, tmp_path / "copied"))


NAMES = {"éclair": "red", "pomme": "green", "zèbre": "blue"}


def test_the_classes_of_folders_with_decomposed_names_are_those_of_their_photos(tmp_path):
    data = tmp_path / "photos"
    for name, colour in NAMES.items():
        folder = data / unicodedata.normalize("NFD", name)
        for i in range(10):
            tiny_keras.photo(folder / f"{i:02}.png", colour, i)
    small_model.save_beside(data)
    run_events.write_log(
        tmp_path / "run", tiny_keras.train(data, tmp_path, epochs=8, learning_rate=0.01)
    )
    run = Run(tmp_path / "run")

    assert run.best["val_accuracy"] == 1
    for each in run.predict(data):
        assert each.label == unicodedata.normalize("NFC", each.path.parent.name)
    for photo in run.evaluate("valid").photos:
        assert photo.truth == unicodedata.normalize("NFC", photo.path.partition("/")[0])


def test_a_run_whose_class_names_were_written_in_another_order_is_refused(tmp_path):
    run = make_run(tmp_path / "run", run_events.epoch(1), classes=("é", "z", "p"))
    (run.path / "model.keras").write_bytes(b"a model")

    for use in (
        lambda: run.predict(tmp_path),
        lambda: read_stored(run, "valid"),
        lambda: load_resume_point(run.record),
    ):
        with pytest.raises(DamagedRun, match=r"\(é, z, p\) are not in the order") as refused:
            use()
        assert refused.value.fix.startswith("Run the %%finetune cell again")


def make_run(folder, *events, **about):
    return Run(run_events.write_log(folder, run_events.make_events(*events, **about)))


def test_the_lines_of_the_report_predict_what_the_run_predicts(run, data, tmp_path, monkeypatch):
    page = write_report(tmp_path, run.state).read_text("utf-8")
    code = unescape(re.search("<h2>Use .*?<pre>(.*?)</pre>", page, re.DOTALL)[1])
    shutil.copy(run.path / "model.keras", tmp_path)
    monkeypatch.chdir(tmp_path)

    for path in (data / "blue" / "003.png", data / "red" / "004.png"):
        shutil.copy(path, "image.jpg")
        names: dict = {}
        exec(code, names)

        (wanted,) = run.predict(path)
        assert names["classes"] == ["blue", "red"]
        np.testing.assert_allclose(
            names["probabilities"], list(wanted.probabilities.values()), rtol=1e-5
        )


def test_the_history_has_every_metric_by_epoch(run):
    epochs = run.state.epochs

    assert set(run.history) == {*run_events.LOGS}
    assert run.history["val_loss"] == [each["logs"]["val_loss"] for each in epochs]
    assert len(run.history["loss"]) == len(epochs) == 4


def test_the_best_is_the_epoch_with_the_lowest_val_loss(run):
    losses = run.history["val_loss"]

    assert run.best["epoch"] == 1 + losses.index(min(losses))
    assert run.best["val_loss"] == min(losses)


def test_a_run_has_name_classes_and_status(run):
    assert run.name == "run"
    assert run.classes == ["blue", "red"]
    assert run.status == "done"


def test_a_run_without_an_epoch_has_an_empty_history(tmp_path):
    run = make_run(tmp_path)

    assert run.history == {}
    assert run.best == {}


def test_the_model_takes_raw_pixels_and_gives_probabilities(run):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3))

    likely = np.asarray(run.model.predict_on_batch(pixels))

    assert likely.shape == (2, 2)
    np.testing.assert_allclose(likely.sum(1), 1, atol=1e-5)
    assert run.model is run.model


def test_a_run_is_shown_as_a_card(run):
    assert repr(run).splitlines()[0] == f"Run {run.name} · done"
    assert repr(run).splitlines()[1] == str(run.path)
    assert f"Run <b>{run.name}</b>: done" in run._repr_html_()
    assert str(run.path) in run._repr_html_()


def test_the_name_of_a_run_is_escaped(tmp_path):
    run = make_run(tmp_path / "<script>")

    assert "<script" not in run._repr_html_()


def test_the_first_prediction_keeps_what_the_backend_writes_about_gpus_in_the_folder(copied, data):
    environment = {name: each for name, each in os.environ.items() if not name.startswith("TF_CPP")}

    done = subprocess.run(
        [sys.executable, "-c", PREDICT, copied.path, data],
        env=environment,
        capture_output=True,
        text=True,
    )

    assert done.stdout.splitlines()[-1] == "20"
    assert done.stderr == ""
    assert (copied.path / "messages.log").stat().st_size


def test_a_run_is_running_while_its_log_is_open(tmp_path):
    with LogWriter(tmp_path) as lines:
        for event in run_events.make_events(run_events.epoch(1)):
            lines.append(event)

        assert Run(tmp_path).status == "running"


def test_a_killed_run_is_interrupted_and_keeps_its_metrics(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": "tests"},
    )
    assert process.stdout.readline() == b"open\n"
    assert Run(tmp_path).status == "running"

    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    assert Run(tmp_path).status == "interrupted"
    assert len(Run(tmp_path).history["loss"]) == 1
    assert Run(tmp_path).state.ended


@pytest.mark.parametrize("status", ["stopped", "failed", "interrupted"])
def test_a_run_without_a_model_reports_its_status(tmp_path, status):
    run = make_run(tmp_path, ended=RunEnded(status=status))

    with pytest.raises(NotTrained) as caught:
        _ = run.model

    happened, fix = caught.value._render_traceback_()
    assert happened.endswith(f"has no model, its status is {status}.")
    typed = "%finetune --resume" if status == "interrupted" else "%%finetune cell again"
    assert typed in fix


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_truncated_model_is_refused(copied, share):
    file = copied.path / "model.keras"
    os.truncate(file, int(file.stat().st_size * share))

    with pytest.raises(DamagedRun) as caught:
        _ = copied.model

    assert len("".join(caught.value._render_traceback_()).splitlines()) == 1
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_a_model_is_refused(copied):
    (copied.path / "model.keras").write_text("rain")

    with pytest.raises(DamagedRun):
        copied.predict(copied.path / FILE_NAME)
