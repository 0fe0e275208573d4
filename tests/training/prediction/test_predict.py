from __future__ import annotations

import shutil
from contextlib import nullcontext

import keras
import pytest

from dl_magics.errors import BadData, DamagedRun
from dl_magics.training.prediction.predict import KerasClassifier, predict_files
from dl_magics.training.run import Run
from support import run_events, tiny_keras
from support.backbones import small_model


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_model.save_beside(tiny_keras.photos(tmp_path_factory.mktemp("photos"), n=10))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    run_events.write_log(
        folder / "run", tiny_keras.train(data, folder, epochs=4, learning_rate=0.01)
    )
    return Run(folder / "run")


def test_a_photo_is_predicted_with_its_class(run, tmp_path):
    file = tiny_keras.photo(tmp_path / "any.png", "red", 500)

    (prediction,) = run.predict(file)

    assert prediction.path == file
    assert prediction.label == "red"
    assert prediction.probability == prediction.probabilities["red"] > 0.5
    assert list(prediction.probabilities) == ["blue", "red"]
    assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_the_files_of_a_folder_are_predicted_in_order(run, tmp_path, kind):
    files = [tiny_keras.photo(tmp_path / "new" / f"{i:02}.png", "blue", i) for i in range(40)]

    predictions = run.predict(kind(tmp_path / "new"))

    assert [each.path for each in predictions] == files
    assert {each.label for each in predictions} == {"blue"}


def test_files_and_folders_can_be_mixed_in_a_list(run, tmp_path):
    one = tiny_keras.photo(tmp_path / "one.png", "red", 1)
    many = [tiny_keras.photo(tmp_path / "many" / f"{i}.png", "blue", i) for i in range(3)]

    predictions = run.predict([str(tmp_path / "many"), one])

    assert [each.path for each in predictions] == [*many, one]


def test_predictions_do_not_depend_on_the_batch(run, data):
    together = run.predict(data)

    alone = [run.predict(each.path)[0] for each in together[::5]]

    for one, other in zip(alone, together[::5], strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-5)


def test_files_that_are_not_images_are_skipped_and_listed(run, tmp_path):
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


def test_an_invalid_image_has_no_prediction(run, tmp_path):
    (tmp_path / "a.png").write_bytes(b"")

    predictions = run.predict(tmp_path / "a.png")

    assert list(predictions) == []
    assert predictions.skipped == {tmp_path / "a.png": "empty file"}


@pytest.mark.parametrize("paths", [[], (), "nowhere"])
def test_predict_without_files_is_refused(run, tmp_path, monkeypatch, paths):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(BadData) as caught:
        run.predict(paths)

    assert caught.value.fix


def test_predict_of_an_empty_folder_is_refused(run, tmp_path):
    with pytest.raises(BadData, match="There is no file in"):
        run.predict(tmp_path)


def test_a_reopened_run_gives_the_same_predictions(run, data):
    again = Run(run.path)

    assert [each.label for each in again.predict(data)] == [
        each.label for each in run.predict(data)
    ]


def test_another_run_of_the_same_folder_does_not_load_the_model_again(run):
    assert Run(run.path).model is run.model


def test_progress_counts_the_images(run, tmp_path):
    for i in range(40):
        tiny_keras.photo(tmp_path / "new" / f"{i:02}.png", "blue", i)
    seen = []
    again = Run(run.path)
    again.show_progress = lambda: nullcontext(lambda done, total: seen.append((done, total)))

    again.predict(tmp_path / "new")

    assert seen == [(0, 40), (0, 40), (32, 40)]


def test_a_second_model_gives_no_warning_of_retracing(run, tmp_path, caplog):
    files = [tiny_keras.photo(tmp_path / f"{i}.png", "blue", i) for i in range(7)]

    for n in range(1, 8):
        keras.models.clone_model(run.model)
        run.predict(files[:n])

    assert "retracing" not in caplog.text


def test_a_model_of_other_classes_than_its_log_is_refused(run, data, tmp_path):
    log = run_events.make_events(classes=["blue", "green", "red"])
    other = Run(run_events.write_log(tmp_path / "other", log))
    shutil.copy(run.path / "model.keras", other.path)

    with pytest.raises(DamagedRun, match="it has 2 classes, not 3"):
        other.predict(data)


@pytest.mark.parametrize("shape", [(None, None, 3), (100_000, 100_000, 3), (8,), ()])
def test_a_model_of_anything_but_images_is_refused(shape, tmp_path):
    pixels = keras.Input(shape)
    classifier = KerasClassifier(keras.Model(pixels, keras.layers.Identity()(pixels)))

    with pytest.raises(DamagedRun, match="The model of the run does not belong to its log"):
        predict_files(
            classifier,
            [tiny_keras.photo(tmp_path / "a.png", "red", 1)],
            ["red"],
            lambda done, total: None,
        )
