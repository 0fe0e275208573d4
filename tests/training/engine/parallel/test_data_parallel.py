"""Two CPU devices stand in for two GPUs, in a process for each backend that has such devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from support import startup, tiny_keras

PROGRAM = """
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

if sys.argv[1] == "tensorflow":
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [half, half])

import keras

if sys.argv[1] == "jax":
    import jax

from dl_magics.runs import log
from dl_magics.runs.events import EpochEnded
from dl_magics.training import recorder
from dl_magics.training.engine import device, pipeline
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.objective import compile_head
from dl_magics.training.engine.heads.training import TrainingState, train_head
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.engine.parallel.data_parallel import select_devices
from support import tiny_keras

data, folder = map(Path, sys.argv[2:4])
counts = map(int, sys.argv[4:])
found = device.detect_device()
one = replace(found, members=())
layers = keras.layers
random = np.random.default_rng(0)


def make_network():
    pixels = keras.Input((32, 32, 3))
    first = layers.Conv2D(4, 3, strides=4, activation="relu", name="block1_conv")(pixels)
    return keras.Model(pixels, layers.Conv2D(8, 3, activation="relu", name="block2_conv")(first))


def compute_features(network, found, batches):
    compute = KerasCompute(network, found, 8)
    return [fetch() for fetch in [compute.start(batch) for batch in batches]]


def compare_features():
    network = make_network()
    # The last one is incomplete.
    batches = [random.integers(0, 256, (n, 32, 32, 3), np.uint8) for n in (8, 8, 8, 5)]
    alone, shared = (compute_features(network, each, batches) for each in (one, found))
    return [float(np.abs(a - b).max()) for a, b in zip(alone, shared, strict=True)]


def use_missing_device():
    if keras.config.backend() == "tensorflow":
        tf.config.set_soft_device_placement(False)  # else it takes another one
    wrong = replace(found, members=(found.members[0], found.members[1][:-1] + "7"))
    try:
        compute_features(make_network(), wrong, [np.zeros((8, 32, 32, 3), np.uint8)] * 2)
    except Exception as error:
        return type(error).__name__
    finally:
        if keras.config.backend() == "tensorflow":
            tf.config.set_soft_device_placement(True)
    return ""


class Watched(layers.Layer):
    \"\"\"Notes how many images a device gets in a training step.\"\"\"

    sizes = set()

    def call(self, images, training=False):
        if training and keras.config.backend() == "tensorflow":
            self.sizes.add(images.shape[0])
        elif training and isinstance(images, jax.core.Tracer):
            jax.debug.inspect_array_sharding(
                images, callback=lambda found: self.sizes.add(found.shard_shape(images.shape)[0])
            )
        return images


def train_epoch(recipe, members, weights):
    devices = select_devices(members)
    with devices.scope():
        pixels = keras.Input((32, 32, 3))
        flat = layers.GlobalAveragePooling2D()(make_network()(Watched()(pixels)))
        # TensorFlow's devices draw their own numbers, JAX's those of one device.
        if recipe.dropout and keras.config.backend() == "jax":
            flat = layers.Dropout(recipe.dropout, seed=3)(flat)
        model = keras.Model(pixels, layers.Dense(2)(flat))
        model.set_weights(weights or model.get_weights())
        compile_head(model, recipe)
    begun = model.get_weights()
    images = np.random.default_rng(1).normal(0, 1, (45, 32, 32, 3)).astype(np.float32)
    labels = np.arange(45) % 2
    # 16, 16 and 13 images: the last batch cannot be divided.
    examples = Examples(images, labels, np.where(labels, 2.0, 0.5).astype(np.float32))
    events = list(
        train_head(
            devices.distribute(model), examples, examples, epochs=1, batch_size=16, patience=9,
            seed=1, rate=0.01, stop=lambda: False, standing=TrainingState(), check_batch=32,
        )
    )  # fmt: skip
    (logs,) = [dict(each.logs) for each in events if isinstance(each, EpochEnded)]
    return begun, logs, model.get_weights()


def compare_epochs():
    recipe = tiny_keras.recipe(data, dropout=0.5, learning_rate=0.01)
    with device.hide_retracing_warnings():
        begun, alone, expected = train_epoch(recipe, (), None)
        Watched.sizes.clear()
        _, shared, made = train_epoch(recipe, found.members, begun)
    return {
        "one": alone,
        "two": shared,
        "sizes": sorted(each for each in Watched.sizes if each),
        "moved": max(float(np.abs(a - b).max()) for a, b in zip(begun, made, strict=True)),
        "apart": max(float(np.abs(a - b).max()) for a, b in zip(expected, made, strict=True)),
    }


minutes = [0]


def stop():
    minutes[0] += 300  # each batch is saved
    return False


def begin_run():
    \"\"\"Train a run, and keep it as it was after a batch of its second unfrozen epoch.\"\"\"
    make_network().save(folder / "small.keras")
    recipe = tiny_keras.recipe(
        data, model=str(folder / "small.keras"), weights="imagenet", dropout=0.5, epochs=1,
        batch_size=32, unfreeze="block2", unfreeze_epochs=2, learning_rate=0.01,
        fine_learning_rate=0.01,
    )  # fmt: skip
    paths = tiny_keras.paths(folder, "whole")
    saved = 0
    with log.LogWriter(paths.run) as lines:
        for event in pipeline.run(recipe, paths, stop=stop, timer=lambda: minutes[0]):
            lines.append(event)
            saved += event.kind == "checkpoint_saved" and len(epochs_of(paths)) == 2
            if saved == 2 and not (folder / "killed").exists():
                shutil.copytree(paths.run, folder / "killed")
    return paths


def resume_run(name, devices):
    \"\"\"Resume the run as if it had begun on so many devices.\"\"\"
    paths = tiny_keras.paths(folder, name)
    shutil.copytree(folder / "killed", paths.run, dirs_exist_ok=True)
    file = paths.run / "events.jsonl"
    first, *rest = file.read_text().splitlines()
    started = json.loads(first)
    started["compute"]["devices"] = devices
    started["device"] = started["device"].replace("2 ×", f"{devices} ×")
    file.write_text("\\n".join([json.dumps(started), *rest]) + "\\n")
    events = recorder.record_resumed_run(paths)
    for event in events:
        if devices != 2 and event.kind == "phase_started":
            break  # what is said of the devices was said before
    events.close()
    return describe(paths)


def epochs_of(paths):
    return [each for each in log.read_events(paths.run) if isinstance(each, EpochEnded)]


def describe(paths):
    return {
        "epochs": [[each.phase, dict(each.logs)] for each in epochs_of(paths)],
        "events": [each.to_json() for each in log.read_events(paths.run)],
    }


print(json.dumps({
    "device": str(found),
    "features": compare_features(),
    "missing": use_missing_device(),
    "epoch": compare_epochs(),
    "whole": describe(begin_run()),
    **{f"began on {n}": resume_run(f"began on {n}", n) for n in counts},
}))
"""


def run_program(folder, backend, began_on):
    """Run the program; return what it found, and what it wrote to stderr."""
    data = tiny_keras.photos(folder / "photos", n=40)
    environment = {
        **os.environ,
        "PYTHONPATH": startup.join_paths("tests"),
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # The second one compiles faster.
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0",
    }
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, backend, data, folder, *began_on],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not ended.returncode, ended.stderr[-3000:]
    return {**json.loads(ended.stdout.splitlines()[-1]), "stderr": ended.stderr}


@pytest.fixture(scope="module")
def on_tensorflow(tmp_path_factory):
    return run_program(tmp_path_factory.mktemp("tensorflow"), "tensorflow", "24")


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory):
    return run_program(tmp_path_factory.mktemp("jax"), "jax", "2")


@pytest.fixture(params=["on_tensorflow", pytest.param("on_jax", marks=pytest.mark.backends)])
def seen(request):
    return request.getfixturevalue(request.param)


def codes_of(run):
    return [each["code"] for each in run["events"] if each["kind"] == "warned"]


def test_features_are_those_of_one_device(seen):
    assert seen["features"] == [0.0] * 4


def test_batches_go_to_each_device_in_turn(seen):
    assert seen["missing"], "the second batch was computed without a second device"


def test_an_epoch_gives_the_numbers_of_one_device(seen):
    epoch = seen["epoch"]

    # The gradients of the halves of a batch are summed: rounded differently in the last digits.
    assert epoch["moved"] > 0.01
    assert epoch["apart"] < 1e-4
    assert epoch["two"] == pytest.approx(epoch["one"], rel=1e-4)


def test_each_device_gets_half_of_a_batch_that_can_be_divided(seen):
    sizes = seen["epoch"]["sizes"]

    assert 8 in sizes
    assert 16 not in sizes


def test_a_run_says_how_many_devices_it_uses(seen):
    started = seen["whole"]["events"][0]

    assert seen["device"].startswith("2 × CPU (")
    assert started["device"] == seen["device"]
    assert started["compute"]["devices"] == 2
    assert seen["whole"]["events"][-1]["status"] == "done"
    assert [phase for phase, _ in seen["whole"]["epochs"]] == ["head", "unfrozen", "unfrozen"]
    assert all(np.isfinite(list(logs.values())).all() for _, logs in seen["whole"]["epochs"])


def test_nothing_is_printed_about_devices(seen):
    assert "Mirrored" not in seen["stderr"]
    assert "nccl" not in seen["stderr"]


def test_a_resumed_run_has_exactly_the_numbers_of_an_uninterrupted_one(seen):
    assert seen["began on 2"]["epochs"] == seen["whole"]["epochs"]
    assert codes_of(seen["began on 2"]) == codes_of(seen["whole"])


def test_a_run_that_began_on_more_devices_says_that_its_numbers_may_differ(on_tensorflow):
    run = on_tensorflow["began on 4"]

    name = on_tensorflow["device"].removeprefix("2 × ")
    assert [each["text"] for each in run["events"] if each.get("code") == "other_devices"] == [
        f"The run began to train on 4 × {name} and continues on 2 × {name}: each batch is divided "
        "differently."
    ]
