from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from dl_magics.errors import BadData, BadSetting, DamagedRun, NotTrained
from dl_magics.runs import remote_origin
from dl_magics.runs.evaluation import read_evaluation
from dl_magics.runs.events import RunEnded
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.training.engine import networks
from dl_magics.training.run import Run
from support import run_events, tiny_keras
from support.backbones import small_model


@pytest.fixture
def moved(evaluated_room, tmp_path):
    """A copy of the run whose images can be changed, and of its features."""
    for name in ("photos", "runs", "features"):
        # Nothing is written into a file that is there.
        shutil.copytree(evaluated_room / name, tmp_path / name, copy_function=os.link)
    shutil.rmtree(tmp_path / "runs/run/evaluation", ignore_errors=True)
    return Run(tmp_path / "runs/run")


@pytest.mark.parametrize("split", ["valid", "test"])
def test_an_evaluation_is_what_the_saved_model_predicts(run, evaluated_room, split):
    evaluation = run.evaluate(split)

    predicted = {each.path: each for each in run.predict(evaluated_room / "photos" / split)}
    assert evaluation.classes == ("blue", "red")
    assert len(evaluation.photos) == len(predicted) > 0
    for each in evaluation.photos:
        prediction = predicted[evaluated_room / "photos" / each.path]
        assert each.truth == prediction.folder_class
        np.testing.assert_allclose(
            each.probabilities, list(prediction.probabilities.values()), atol=1e-5
        )


def test_the_validation_images_have_the_accuracy_that_the_run_reported(run):
    assert run.evaluate("valid").accuracy == pytest.approx(run.best["val_accuracy"])
    assert run.evaluate("valid").loss == pytest.approx(run.best["val_loss"], abs=1e-4)


def test_stored_features_take_the_place_of_the_images_and_an_evaluation_that_of_the_model(
    moved, monkeypatch
):
    decoded = []
    monkeypatch.setattr(Run, "show_progress", staticmethod(lambda: _Recorder(decoded)))
    moved.evaluate("valid")
    assert all(total == 0 for _, total in decoded)  # no image was computed

    moved.evaluate("test")
    assert (0, 8) in decoded
    decoded.clear()
    moved.evaluate("test")
    assert all(total == 0 for _, total in decoded)


class _Recorder:
    def __init__(self, calls):
        self.calls = calls

    def __enter__(self):
        return lambda done, total: self.calls.append((done, total))

    def __exit__(self, *error):
        return None


def test_images_that_changed_are_evaluated_again(moved):
    before = moved.evaluate("test")
    data = moved.path.parents[1] / "photos"
    named = str(data)
    tiny_keras.photo(data / "test/red/99.png", "red", 99)
    (data / "test/red/broken.png").write_bytes(b"no image")
    after = moved.evaluate("test", data=named)

    assert len(after.photos) == len(before.photos) + 1
    assert after.data_digest != before.data_digest
    assert after.skipped == {"test/red/broken.png": "not an image (text)"}
    assert read_evaluation(moved.path, "test") == after


def test_the_digest_is_of_contents_and_labels_not_of_places(run, moved):
    other = moved.path.parents[1] / "photos"
    shutil.move(other / "test/red/30.png", other / "test/red/renamed.png")
    same = moved.evaluate("test", data=other)
    assert same.data_digest == run.evaluate("test").data_digest
    assert same.photos != run.evaluate("test").photos

    shutil.move(other / "test/red/renamed.png", other / "test/blue/31b.png")
    assert moved.evaluate("test", data=other).data_digest != same.data_digest


def test_it_says_that_images_were_removed_since_the_run(moved):
    data = moved.path.parents[1] / "photos"
    (data / "valid/red/20.png").unlink()
    evaluation = moved.evaluate("valid", data=data)

    assert evaluation.note.startswith("The folder has changed since the run, from 32 to 31 images")
    assert len(evaluation.photos) == 11


def test_it_says_that_as_many_other_images_are_there(moved):
    data = moved.path.parents[1] / "photos"
    assert moved.evaluate("valid", data=data).note == ""

    (data / "train/red/0.png").replace(data / "valid/red/20.png")
    tiny_keras.photo(data / "train/red/0.png", "red", 77)
    evaluation = moved.evaluate("valid", data=data)

    assert evaluation.note.startswith("The validation images are not those of the run")
    assert len(evaluation.photos) == 12


def test_a_validation_image_that_is_cut_short_is_not_another_image(tmp_path):
    data = small_model.save_beside(tiny_keras.photos(tmp_path / "photos"))
    for name in ("blue", "red"):
        (data / "train" / name).parent.mkdir(exist_ok=True)
        (data / name).rename(data / "train" / name)
        for seed in (20, 21):
            short = tiny_keras.photo(data / "valid" / name / f"{seed}.png", name, seed)
    short.write_bytes(short.read_bytes()[:2000])
    run_events.write_log(tmp_path / "run", tiny_keras.train(data, tmp_path))
    run = Run(tmp_path / "run")

    for _ in range(2):  # computed, then as it was written
        evaluation = run.evaluate("valid")
        assert len(evaluation.photos) == 3
        assert list(evaluation.skipped) == ["valid/red/21.png"]
        assert evaluation.note == ""

    tiny_keras.photo(short, "red", 99)
    assert run.evaluate("valid").note.startswith("The validation images are not those of the run")


def test_an_unknown_part_is_refused(run):
    with pytest.raises(BadSetting, match="no part 'validation'") as caught:
        run.evaluate("validation")
    assert caught.value.fix == "The parts are: train, valid, test"


def test_images_that_are_gone_are_asked_for(tmp_path, moved):
    with pytest.raises(
        BadData, match=r"The images of the run run are not in .*gone any more"
    ) as caught:
        moved.evaluate("valid", data=tmp_path / "gone")
    assert "--data FOLDER" in caught.value.fix


def test_without_test_images_it_says_how_to_split_some_off(moved):
    data = moved.path.parents[1] / "photos"
    shutil.rmtree(data / "test")
    with pytest.raises(BadData, match="no test images") as caught:
        moved.evaluate("test", data=data)
    assert "%split_data" in caught.value.fix


def test_test_images_without_labels_can_be_predicted(moved):
    data = moved.path.parents[1] / "photos"
    for each in list((data / "test").glob("*/*.png")):
        each.rename(data / "test" / f"{each.parent.name}-{each.name}")
    shutil.rmtree(data / "test/red")
    shutil.rmtree(data / "test/blue")
    with pytest.raises(BadData, match="their classes are unknown") as caught:
        moved.evaluate("test", data=data)
    assert caught.value.fix == f"%predict '{data}/test' --run run predicts them."


def test_classes_that_the_run_does_not_know_are_refused(moved):
    data = moved.path.parents[1] / "photos"
    tiny_keras.photo(data / "test/green/1.png", "green", 1)
    with pytest.raises(BadData, match=r"Class 'green' is in .*, but is not one of blue, red"):
        moved.evaluate("test", data=data)

    tiny_keras.photo(data / "train/green/1.png", "green", 1)
    tiny_keras.photo(data / "valid/green/1.png", "green", 2)
    with pytest.raises(
        BadData, match=r"has the classes blue, green, red; the run run has blue, red"
    ):
        moved.evaluate("valid", data=data)


@pytest.mark.parametrize(
    ("ended", "fix"),
    [
        (None, "Resume it: %finetune --resume run"),
        (RunEnded(status="failed"), "Run the %%finetune"),
    ],
)
def test_a_run_without_a_model_says_what_to_do(tmp_path, ended, fix):
    made = run_events.make_events(run_events.epoch(1), ended=ended)
    with pytest.raises(NotTrained, match="has no model") as caught:
        Run(run_events.write_log(tmp_path / "run", made)).evaluate("valid")
    assert caught.value.fix.startswith(fix)


def test_a_run_of_a_host_is_evaluated_there(moved):
    origin = RemoteOrigin(
        host={"alias": "i-1", "name": "gpu"},
        python="python3",
        activate="",
        kernel_folder="~/.dlm/1",
        msg_id="m1",
        since=7,
        run_folder=".dl_magics/runs/run",
        is_complete=True,
    )
    remote_origin.save(moved.path, origin)
    with pytest.raises(NotTrained, match="are on its host"):
        moved.evaluate("valid")

    moved.evaluate_on_host = lambda run, split: (run.name, split)
    assert moved.evaluate("valid") == ("run", "valid")


def test_a_model_that_no_run_has_built_is_refused(moved):
    import keras

    pixels = keras.Input((32, 32, 3))
    other = keras.layers.Dense(2)(keras.layers.Flatten()(pixels))
    networks.save_model(keras.Model(pixels, other), moved.classes, moved.path / "model.keras")
    with pytest.raises(DamagedRun, match="was not built by a run"):
        moved.evaluate("valid")
