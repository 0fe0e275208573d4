"""`run.export`, in processes of their own: LiteRT with TensorFlow, and PyTorch."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest

from dl_magics import errors
from dl_magics.runs import remote_origin
from dl_magics.runs.events import RunEnded
from dl_magics.training.engine import networks
from dl_magics.training.export import export, formats
from dl_magics.training.export.target import check_free, choose_target, find_classes_file
from dl_magics.training.run import Run
from support import run_events, tiny_keras

CLASSES = ["blue", "red"]
SIZE = 16


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"), n=6)


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    """A run with a small network, as `%%finetune` leaves it."""
    folder = tmp_path_factory.mktemp("runs") / "2026-11-22_pets"
    keras.utils.set_random_seed(1)
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    features = keras.layers.Rescaling(1 / 127.5, -1)(pixels)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(pooled))
    ended = RunEnded(status="done")
    events = run_events.make_events(ended=ended, classes=CLASSES, data=str(photos))
    run_events.write_log(folder, events)
    networks.save_model(model, CLASSES, folder / "model.keras")
    return folder


@pytest.fixture
def run(trained, tmp_path):
    return Run(shutil.copytree(trained, tmp_path / trained.name))


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The run exported for LiteRT, without a path."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("exported") / trained.name)
    return Run(folder), Run(folder).export("tflite")


def test_the_exported_file_was_run_on_photos_of_the_run_and_computes_what_predict_does(exported):
    run, done = exported

    assert done.path == run.path / "export" / "litert.tflite"
    assert done.ran.startswith(("LiteRT ", "TensorFlow Lite "))
    assert done.difference < 1e-5
    assert "8 images of " in repr(done)
    assert "at most" in repr(done)
    assert "(limit 0.001)" in repr(done)


def test_another_program_gets_the_probabilities_of_predict_from_the_file(exported, photos):
    import tensorflow as tf

    run, done = exported
    (wanted,) = run.predict(photos / "blue" / "001.png")
    model = tf.lite.Interpreter(str(done.path))
    serve = model.get_signature_runner()
    (name,) = serve.get_input_details()
    pixels = export._read_pixels(str(photos / "blue"), SIZE)[0][1:2]

    (got,) = serve(**{name: pixels}).values()

    np.testing.assert_allclose(got[0], list(wanted.probabilities.values()), atol=1e-5)


def test_the_class_names_are_in_the_file_and_beside_it(exported):
    _, done = exported

    with zipfile.ZipFile(done.path) as archive:
        assert archive.read("labels.txt").decode().splitlines() == CLASSES
    assert json.loads(done.classes_file.read_text("utf-8")) == CLASSES
    assert done.classes_file.parent == done.path.parent
    assert sorted(each.name for each in done.path.parent.iterdir()) == [
        "litert.classes.json",
        "litert.tflite",
    ]


def test_nothing_is_overwritten_unasked(exported):
    run, done = exported
    before = done.path.read_bytes()

    with pytest.raises(errors.BadSetting, match=r"litert\.tflite exists") as refused:
        run.export("litert")

    assert "overwrite=True" in refused.value.fix
    assert done.path.read_bytes() == before


def test_a_folder_that_holds_more_than_a_saved_model_is_never_replaced(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "saved_model.pb").write_text("of another program")
    (mine / "thesis.txt").write_text("two years of work")

    wanted = formats.find_format("tf_saved_model")

    assert choose_target(mine, wanted, tmp_path, "pets") == mine / "pets"
    with pytest.raises(errors.BadSetting, match="is not an exported model"):
        check_free(wanted, mine, find_classes_file(wanted, mine), overwrite=True)

    assert (mine / "thesis.txt").read_text() == "two years of work"


def test_a_path_gets_the_suffix_of_the_format(run, tmp_path):
    def choose(path, name="onnx"):
        return choose_target(path, formats.find_format(name), run.path, run.name)

    assert choose(tmp_path / "pets") == tmp_path / "pets.onnx"
    assert choose(tmp_path / "pets.onnx") == tmp_path / "pets.onnx"
    assert choose(tmp_path) == tmp_path / "2026-11-22_pets.onnx"
    assert choose(tmp_path, "tf_saved_model") == tmp_path / "2026-11-22_pets"


def test_a_missing_package_is_named_before_anything_is_written(run, tmp_path, monkeypatch):
    missing = replace(formats.FORMATS["onnx"], needs=("tensorflow", "no_such_converter"))
    monkeypatch.setitem(formats.FORMATS, "onnx", missing)

    with pytest.raises(errors.NotInstalled, match="needs no_such_converter") as refused:
        run.export("onnx", tmp_path / "new" / "pets")

    assert refused.value.fix.startswith("%pip install onnx tf2onnx onnxruntime")
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_not_run_says_what_to_install(exported):
    _, done = exported
    unchecked = replace(done, ran="", format=formats.FORMATS["onnx"])

    assert "Not checked: onnxruntime is not installed. %pip install onnx" in repr(unchecked)
    assert "&lt;" not in unchecked._repr_html_()


def test_a_file_that_computes_something_else_is_refused():
    answer = {"probabilities": [[0.5, 0.5]], "ran": "LiteRT 2.3"}

    with pytest.raises(errors.NotLoadable, match=r"by up to 0\.1 \(limit 0\.001\)"):
        export._compare(answer, np.array([[0.4, 0.6]], np.float32), formats.FORMATS["litert"])


def test_a_process_that_fails_leaves_nothing(run, tmp_path):
    unknown = replace(formats.FORMATS["litert"], name="of tomorrow")

    with pytest.raises(errors.NotLoadable, match=r"status 1\. KeyError: 'of tomorrow'"):
        export.export_model(
            run.model, run.path, run.state, unknown, path=tmp_path / "new" / "pets.tflite"
        )

    assert list((tmp_path / "new").iterdir()) == []


def test_a_run_that_is_still_on_its_host_says_how_its_model_comes_home(run):
    (run.path / "model.keras").unlink()
    remote_origin.save(run.path, run_events.ORIGIN)

    with pytest.raises(errors.NotTrained, match="has no model") as refused:
        run.export("litert")

    assert refused.value.fix == "Copy its model from its host: %attach 2026-11-22_pets"


@pytest.mark.backends
def test_the_torch_format_is_made_with_the_torch_backend_and_takes_any_number_of_images(run):
    done = run.export("torch")

    assert done.path.name == "torch.pt2"
    assert done.ran.startswith("PyTorch ")
    assert done.difference < 1e-5
