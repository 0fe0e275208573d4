from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from support import startup, tiny_keras

pytestmark = pytest.mark.backends

CLASSES = ("blue", "green", "red")
IMAGES, SIZE, EPOCHS = 12, 32, 4

TRAIN = """
import json, random, sys
from pathlib import Path
import keras
import numpy as np
from dl_magics.runs import log
from dl_magics.training import recorder
from dl_magics.runs.paths import RunPaths
from dl_magics.training.engine import pipeline
from dl_magics.training.recipe.recipe import Recipe
from support.backbones import small_model

data, folder, size, epochs, *runs = sys.argv[1:]
# VGG16 would take JAX ten seconds to compile, and is the same on each backend but for its size.
network = Path(folder, "small.keras")
if not network.exists():
    small_model.save(network, int(size))
recipe = Recipe(
    data=data, model=str(network), image_size=int(size), epochs=int(epochs), dense=(16,),
    dropout=0.2, batch_size=8, learning_rate=0.01, heads=2,
)
minutes = []  # one for each batch, so that each is saved

def stop():
    minutes.append(60)
    if len(minutes) == 1 + 2 * 5 + 3:  # two epochs, and two batches of the third
        raise KeyboardInterrupt
    return False

def broken(paths):
    try:
        with log.LogWriter(paths.run) as lines:
            for event in pipeline.run(recipe, paths, stop=stop, timer=lambda: sum(minutes)):
                lines.append(event)
    except KeyboardInterrupt:
        pass
    list(recorder.record_resumed_run(paths))
    return log.read_events(paths.run)

def draw():
    drawn = [random.random(), np.random.rand(), float(keras.random.uniform(()))]
    if keras.config.backend() == "torch":
        import torch
        drawn.append(float(torch.rand(())))
    if keras.config.backend() == "tensorflow":
        import tensorflow
        drawn.append(float(tensorflow.random.uniform(())))
    return drawn

keras.utils.set_random_seed(7)
_, expected = draw(), draw()
keras.utils.set_random_seed(7)
draw()
told = {}
for run in runs:
    name, _, features = run.partition(":")
    paths = RunPaths(Path(folder, name), Path(folder, features), Path(folder))
    paths.run.mkdir()
    events = broken(paths) if name == "broken" else recorder.record_new_run(recipe, paths)
    told[name] = [event.to_json() for event in events]
drawn_after = draw()
print(json.dumps(told))
"""

# A network of two maps, its mean, and one dense layer of known weights: Grad-CAM is CAM there.
GRAD_CAM = """
import keras
import numpy as np
from dl_magics.training.backbones.backbone import Backbone
from dl_magics.training.engine import device, networks
from dl_magics.training.evaluation.grad_cam import GradCam
from dl_magics.training.evaluation.model_parts import take_apart

pixels = keras.Input((8, 8, 3))
base = keras.Model(pixels, keras.layers.Conv2D(2, 1, use_bias=False)(pixels))
base.set_weights([np.array([[1, 0], [0, 1], [0.5, -0.5]], np.float32).reshape(1, 1, 3, 2)])
frozen = Backbone(base).add_ends(8, "avg")
features = keras.Input((2,))
head = keras.Model(features, keras.layers.Dense(2)(features), name="head")
head.set_weights([np.array([[3, -1], [-2, 2]], np.float32), np.zeros(2, np.float32)])
inputs = keras.Input((8, 8, 3))
model = keras.Model(inputs, networks.join_probabilities(head(frozen(inputs))))
images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
maps = GradCam(take_apart(model)).draw_maps(images, [0, 1]).tolist()
found = device.detect_device()
about = [found.kind, found.memory > 0, found.winograd]
print(json.dumps({"maps": maps, "device": about, "drawn": [drawn_after, expected]}))
"""

PREDICT = """
import json, sys, zipfile
import keras
import numpy as np

file, pixels = sys.argv[1:3]
with zipfile.ZipFile(file) as archive:
    classes = json.loads(archive.read("classes.json"))
made = keras.saving.load_model(file, safe_mode=True).predict(np.load(pixels), verbose=0)
assert "dl_magics" not in sys.modules
shown = [classes[n] for n in made.argmax(1)]
print(json.dumps({"backend": keras.config.backend(), "shown": shown}))
del sys.argv[1:3]
"""


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory):
    """Share JAX's compilation cache between processes; the results are the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
        patch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"), IMAGES, CLASSES)


@pytest.fixture(scope="module", params=["tensorflow", "jax", "torch"])
def trained(request, photos, tmp_path_factory):
    """A backend, its folder, the events of runs in two processes, what a saved model predicted."""
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    asked = (photos, folder, SIZE, EPOCHS)
    one, drawn = said_by(
        TRAIN + GRAD_CAM, *asked, "first:features", "warm:features", backend=request.param
    )
    # The other process predicts before it imports dl_magics, which is quicker than a third one.
    pixels = [np.asarray(Image.open(file).resize((SIZE, SIZE))) for file in find_files(photos)]
    np.save(folder / "pixels.npy", pixels)
    model = (folder / "first" / "model.keras", folder / "pixels.npy")
    cold = ("cold:other_features", "broken:other_features")
    predicted, other = said_by(PREDICT + TRAIN, *model, *asked, *cold, backend=request.param)
    return request.param, folder, one | other, predicted | drawn


def find_files(photos):
    return sorted(photos.rglob("*.png"))


def said_by(program, *arguments, backend):
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": startup.join_paths("tests"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = (line for line in done.stdout.splitlines() if line.startswith("{"))
    return [json.loads(line) for line in lines]


def of_kind(events, kind):
    return [event for event in events if event["kind"] == kind]


def history(events):
    return [event["logs"] for event in of_kind(events, "epoch_ended")]


def test_it_trains_on_the_selected_backend(trained):
    backend, _, runs, _ = trained

    logs = history(runs["first"])

    (started,) = of_kind(runs["first"], "run_started")
    assert started["versions"]["backend"] == backend
    assert len(logs) == EPOCHS
    assert logs[-1]["loss"] < logs[0]["loss"]
    assert max(each["val_accuracy"] for each in logs) > 0.8


def test_the_events_are_numbered_without_gaps_and_end_with_done(trained):
    _, _, runs, _ = trained

    for events in runs.values():
        assert [event["n"] for event in events] == list(range(1, len(events) + 1))
        assert events[0]["kind"] == "run_started"
        assert events[-1]["kind"] == "run_ended"
        assert events[-1]["status"] == "done"


def test_the_same_seed_gives_the_same_numbers_with_or_without_stored_features(trained):
    _, _, runs, _ = trained

    assert history(runs["warm"]) == history(runs["first"])
    assert history(runs["cold"]) == history(runs["first"])


def test_the_next_run_reuses_the_features(trained):
    _, _, runs, _ = trained

    kept = {run: of_kind(events, "phase_started")[0]["kept"] for run, events in runs.items()}

    every = IMAGES * len(CLASSES)
    assert kept == {"first": 0, "warm": every, "cold": 0, "broken": every}


def test_a_run_interrupted_within_an_epoch_ends_with_the_same_numbers(trained):
    _, folder, runs, _ = trained

    (went_on,) = of_kind(runs["broken"], "run_resumed")
    assert (went_on["epoch"], went_on["batches"]) == (3, 2)
    told = {event["epoch"]: event["logs"] for event in of_kind(runs["broken"], "epoch_ended")}
    assert list(told.values()) == history(runs["cold"])
    ended = [runs[name][-1] for name in ("broken", "cold")]
    assert ended[0]["best"] == ended[1]["best"]
    weights = [tiny_keras.weights(folder / name) for name in ("broken", "cold")]
    assert weights[0].keys() == weights[1].keys()
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_saved_model_predicts_in_a_process_without_dl_magics(trained, photos):
    backend, _, _, predicted = trained

    right = np.equal(predicted["shown"], [file.parent.name for file in find_files(photos)])

    assert predicted["backend"] == backend
    assert right.mean() > 0.8


def test_a_device_is_detected_on_each_backend(trained):
    backend, *_, found = trained

    kind, has_memory, winograd = found["device"]
    assert kind in ("cpu", "gpu")
    assert has_memory
    assert backend == "tensorflow" or not winograd


def test_the_generators_of_the_notebook_are_left_as_they_were(trained):
    *_, said = trained

    drawn, expected = said["drawn"]

    assert drawn == expected


def test_grad_cam_is_the_same_on_each_backend(trained):
    *_, drawn = trained
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    maps = images @ np.array([[1, 0], [0, 1], [0.5, -0.5]])

    for each, weights, found in zip(maps, ([3, -2], [-1, 2]), drawn["maps"], strict=True):
        wanted = np.maximum(each @ weights, 0)
        np.testing.assert_allclose(found, wanted / wanted.max(), atol=1e-5)
