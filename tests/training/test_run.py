from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from dl_magics.errors import BadData, DamagedRun, NotTrained
from dl_magics.runs.events import RunEnded
from dl_magics.runs.log import FILE_NAME, LogWriter
from dl_magics.training.run import Prediction, Predictions, Run
from support import run_events, tiny_keras

HOLD = """
import sys, time
from pathlib import Path
from support import run_events
from dl_magics.runs.log import LogWriter

with LogWriter(Path(sys.argv[1])) as lines:
    for event in run_events.story(run_events.epoch(1)):
        lines.append(event)
    print("open", flush=True)
    time.sleep(600)
"""
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"), n=10)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    room = tmp_path_factory.mktemp("runs")
    run_events.logged(room / "run", tiny_keras.train(data, room, epochs=4, learning_rate=0.01))
    return Run(room / "run")


@pytest.fixture
def copied(run, tmp_path):
    return Run(shutil.copytree(run.path, tmp_path / "copied"))


def told(folder, *events, **about):
    return Run(run_events.logged(folder, run_events.story(*events, **about)))


def test_the_history_has_every_number_by_epoch(run):
    epochs = run.state.epochs

    assert set(run.history) == {*run_events.LOGS}
    assert run.history["val_loss"] == [each["logs"]["val_loss"] for each in epochs]
    assert len(run.history["loss"]) == len(epochs) == 4


def test_the_best_is_the_epoch_with_the_lowest_val_loss(run):
    losses = run.history["val_loss"]

    assert run.best["epoch"] == 1 + losses.index(min(losses))
    assert run.best["val_loss"] == min(losses)


def test_a_run_knows_its_name_its_classes_and_how_it_ended(run):
    assert run.name == "run"
    assert run.classes == ["blue", "red"]
    assert run.status == "done"


def test_a_run_without_an_epoch_has_an_empty_history(tmp_path):
    run = told(tmp_path)

    assert run.history == {}
    assert run.best == {}


def test_the_model_takes_raw_pixels_and_gives_probabilities(run):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3))

    likely = np.asarray(run.model.predict_on_batch(pixels))

    assert likely.shape == (2, 2)
    np.testing.assert_allclose(likely.sum(1), 1, atol=1e-5)
    assert run.model is run.model


def test_a_photo_is_predicted_with_its_class(run, tmp_path):
    file = tiny_keras.photo(tmp_path / "any.png", "red", 500)

    (prediction,) = run.predict(file)

    assert prediction.path == file
    assert prediction.label == "red"
    assert prediction.probability == prediction.probabilities["red"] > 0.5
    assert list(prediction.probabilities) == ["blue", "red"]
    assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_folder_is_predicted_file_by_file_in_order(run, tmp_path, kind):
    files = [tiny_keras.photo(tmp_path / "new" / f"{i:02}.png", "blue", i) for i in range(40)]

    predictions = run.predict(kind(tmp_path / "new"))

    assert [each.path for each in predictions] == files
    assert {each.label for each in predictions} == {"blue"}


def test_files_and_folders_can_be_mixed_in_a_list(run, tmp_path):
    one = tiny_keras.photo(tmp_path / "one.png", "red", 1)
    many = [tiny_keras.photo(tmp_path / "many" / f"{i}.png", "blue", i) for i in range(3)]

    predictions = run.predict([str(tmp_path / "many"), one])

    assert [each.path for each in predictions] == [*many, one]


def test_how_many_are_predicted_at_once_does_not_matter(run, data):
    together = run.predict(data)

    alone = [run.predict(each.path)[0] for each in together[::5]]

    for one, other in zip(alone, together[::5], strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-5)


def test_files_that_are_no_photos_are_skipped_and_named(run, tmp_path):
    sound = tiny_keras.photo(tmp_path / "new" / "a.png", "red", 1)
    (tmp_path / "new" / "b.png").write_bytes(b"rain")
    (tmp_path / "new" / "c.png").symlink_to(tmp_path / "nowhere.png")

    predictions = run.predict(tmp_path / "new")

    assert [each.path for each in predictions] == [sound]
    assert predictions.skipped == {
        tmp_path / "new" / "b.png": "not an image (text)",
        tmp_path / "new" / "c.png": "No such file or directory",
    }
    assert "c.png: skipped, No such file or directory" in repr(predictions)


def test_a_folder_of_broken_files_has_no_predictions(run, tmp_path):
    (tmp_path / "a.png").write_bytes(b"")

    predictions = run.predict(tmp_path / "a.png")

    assert list(predictions) == []
    assert predictions.skipped == {tmp_path / "a.png": "empty file"}


@pytest.mark.parametrize("paths", [[], (), "nowhere"])
def test_nothing_to_predict_is_told(run, tmp_path, monkeypatch, paths):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(BadData) as caught:
        run.predict(paths)

    assert caught.value.fix


def test_an_empty_folder_is_told(run, tmp_path):
    with pytest.raises(BadData, match="There is no file in"):
        run.predict(tmp_path)


def test_predictions_show_themselves(tmp_path):
    made = [Prediction(tmp_path / "a.png", "red", 0.9871, {"red": 0.9871})]
    predictions = Predictions(made, {tmp_path / "b.png": "empty file"})

    assert repr(predictions) == (
        f"{tmp_path}/a.png: red (98.7%)\n{tmp_path}/b.png: skipped, empty file"
    )
    assert "<td>red</td><td>98.7%</td>" in predictions._repr_html_()
    assert "skipped: empty file" in predictions._repr_html_()
    assert repr(Predictions([], {})) == "no images"


def test_names_that_look_like_html_do_nothing_in_predictions(tmp_path):
    made = [Prediction(tmp_path / f"{SCRIPT}.png", SCRIPT, 0.5, {})]

    page = Predictions(made, {tmp_path / SCRIPT: SCRIPT})._repr_html_()

    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 4


def test_a_run_shows_itself_as_a_small_card(run):
    assert repr(run).splitlines()[0].startswith("VGG16 on photos")
    assert repr(run).splitlines()[1] == str(run.path)
    assert f"Run <b>{run.name}</b>: done" in run._repr_html_()
    assert str(run.path) in run._repr_html_()


def test_a_run_with_a_name_like_html_does_nothing(tmp_path):
    run = told(tmp_path / "<script>")

    assert "<script" not in run._repr_html_()


def test_a_run_that_still_goes_on_is_running(tmp_path):
    with LogWriter(tmp_path) as lines:
        for event in run_events.story(run_events.epoch(1)):
            lines.append(event)

        assert Run(tmp_path).status == "running"


def test_a_run_that_was_killed_is_interrupted_and_keeps_its_numbers(tmp_path):
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
def test_a_run_without_a_model_says_why(tmp_path, status):
    run = told(tmp_path, ended=RunEnded(status=status))

    with pytest.raises(NotTrained) as caught:
        _ = run.model

    happened, fix = caught.value._render_traceback_()
    assert happened.endswith(f"has no model: it is {status}.")
    typed = "%finetune --resume" if status == "interrupted" else "%%finetune cell again"
    assert typed in fix


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_model_that_is_cut_short_is_told(copied, share):
    file = copied.path / "model.keras"
    os.truncate(file, int(file.stat().st_size * share))

    with pytest.raises(DamagedRun) as caught:
        _ = copied.model

    assert len("".join(caught.value._render_traceback_()).splitlines()) == 1
    assert str(file) in str(caught.value)


def test_a_model_that_is_something_else_is_told(copied):
    (copied.path / "model.keras").write_text("rain")

    with pytest.raises(DamagedRun):
        copied.predict(copied.path / FILE_NAME)


def test_a_run_opened_again_predicts_the_same(run, data):
    again = Run(run.path)

    assert [each.label for each in again.predict(data)] == [
        each.label for each in run.predict(data)
    ]
