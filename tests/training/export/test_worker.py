"""The formats that TensorFlow makes and runs in this process; test_export.py has the process."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from dl_magics.training.export import worker

CLASSES = ("Käfer", "dogs")
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    pixels = keras.Input((16, 16, 3), name="pixels")
    features = keras.layers.Conv2D(2, 3)(keras.layers.Rescaling(1 / 255)(pixels))
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(pooled))


def test_a_saved_model_has_the_classes_and_computes_the_same(model, tmp_path):
    worker.export_saved_model(model, tmp_path / "pets", CLASSES)

    got, ran = worker.run_saved_model(tmp_path / "pets", PIXELS)

    np.testing.assert_allclose(got, model.predict_on_batch(PIXELS), atol=1e-6)
    assert ran.startswith("TensorFlow ")
    extra = tmp_path / "pets" / "assets.extra" / "classes.json"
    assert json.loads(extra.read_text("utf-8")) == list(CLASSES)


def test_an_onnx_file_has_the_classes_and_computes_the_same(model, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("tf2onnx")
    worker.export_onnx(model, tmp_path / "pets.onnx", CLASSES)

    (named,) = onnx.load(tmp_path / "pets.onnx").metadata_props
    assert json.loads(named.value) == list(CLASSES)
    pytest.importorskip("onnxruntime")
    got, ran = worker.run_onnx(tmp_path / "pets.onnx", PIXELS)
    np.testing.assert_allclose(got, model.predict_on_batch(PIXELS), atol=1e-5)
    assert ran.startswith("ONNX Runtime ")


def test_an_operation_that_only_tensorflow_has_is_named(tmp_path):
    path = tmp_path / "pets.tflite"

    class Model:
        def export(self, path, **_about):
            path.write_bytes(b"TFL3 .. FlexErf\0 .. FlexErf\0")

    needs = worker.export_litert(Model(), path, CLASSES)

    assert needs == "needs the Flex delegate of TensorFlow for FlexErf"


def test_what_keras_raises_is_the_answer(tmp_path):
    request = {"format": "litert", "model": "none.keras", "file": "a.tflite", "classes": []}
    (tmp_path / worker.REQUEST).write_text(json.dumps({**request, "runs": True}))

    worker.answer_request(tmp_path)

    answer = json.loads((tmp_path / worker.ANSWER).read_text())
    assert "none.keras" in answer["failed"]
    assert answer["probabilities"] is None
