from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import psutil
import pytest

from dl_magics.errors import DamagedRun, NotLoadable
from dl_magics.runs import remote_origin
from dl_magics.training import model_archive, model_classes
from dl_magics.training.engine import networks
from dl_magics.training.engine.heads.network import build_head
from dl_magics.training.loading import load_check, process
from dl_magics.training.loading.isolated_load import KERAS
from dl_magics.training.loading.load_check import LoadCheck
from dl_magics.training.run import Run
from support import run_events, tiny_keras
from support.backbones import small_model
from support.ec2_client import until
from support.run_events import ORIGIN

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Keras is forked on Linux only")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    photos = small_model.save_beside(tiny_keras.photos(folder / "photos", n=2))
    tiny_keras.train(photos, folder, epochs=1)
    return folder / "run" / "model.keras"


def test_a_model_is_loaded_with_keras_not_with_modules_of_the_notebook_folder(
    model, tmp_path, monkeypatch
):
    (tmp_path / "keras.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)

    load_check.check_loads(model, {})


def test_the_model_of_a_remote_run_is_loaded_in_another_process_once(model, tmp_path):
    run = Run(run_events.write_log(tmp_path / "run", run_events.make_events()))
    file = Path(shutil.copy(model, run.path))
    remote_origin.save(run.path, ORIGIN)

    with LoadCheck() as first:
        load_check.check_fetched(run.path, file, {}, first)
    with LoadCheck() as second:
        load_check.check_fetched(run.path, file, {}, second)
    assert run.model.output_shape == (None, 2)

    assert first.is_prepared
    assert not second.is_prepared
    assert remote_origin.load(run.path).model_sha256 == model_archive.hash_file(file)


def test_a_model_that_was_replaced_after_its_check_is_checked_again(model, tmp_path):
    file = Path(shutil.copy(model, tmp_path))
    remote_origin.save(tmp_path, replace(ORIGIN, model_sha256=model_archive.hash_file(file)))
    file.write_bytes(file.read_bytes()[:-100])

    with pytest.raises(DamagedRun):
        load_check.check_fetched(tmp_path, file, {})


@pytest.fixture
def endless(tmp_path):
    """A file that a process reads until somebody writes it."""
    os.mkfifo(tmp_path / "endless.keras")
    return tmp_path / "endless.keras"


@LINUX
def test_the_next_model_is_loaded_by_the_keras_that_is_imported(model, tmp_path):
    run = Run(run_events.write_log(tmp_path / "run", run_events.make_events()))
    file = Path(shutil.copy(model, run.path))
    with LoadCheck() as first:
        importing = first.prepare()
        load_check.check_fetched(run.path, file, {}, first)
    with LoadCheck() as second:
        second.load(model, {})

        assert second.prepare() is importing


@LINUX
def test_a_model_that_never_loads_ends_alone_or_with_the_keras_that_is_imported(model, endless):
    serving = process.take_process(KERAS)

    def begin(file):
        serving.ask(file)
        return psutil.Process(json.loads(serving.receive(60))["pid"])

    begin(endless).kill()
    assert json.loads(serving.receive(60)) == {"status": -9}
    begin(model)
    assert json.loads(serving.receive(60)) == {"foreign": "", "failed": ""}

    loading = begin(endless)
    assert loading.ppid() == serving.pid
    serving.kill()
    until(lambda: not loading.is_running() or loading.status() == psutil.STATUS_ZOMBIE)


def test_another_backend_is_imported_by_a_new_process(monkeypatch):
    first = process.take_process(KERAS)
    process.give_back(first)
    monkeypatch.setenv("KERAS_BACKEND", "numpy")

    second = process.take_process(KERAS)
    second.kill()

    assert second is not first
    assert first.status is not None


def test_of_two_processes_at_a_time_one_is_kept():
    first, second = process.take_process(KERAS), process.take_process(KERAS)
    for each in (first, second):
        process.give_back(each)

    assert (first.status, second.status is None) == (None, False)
    assert process.take_process(KERAS) is first
    first.kill()


def test_each_class_of_the_list_is_one_of_keras(tmp_path):
    lines = Path(model_classes.__file__).with_suffix(".csv").read_text().splitlines()[1:]
    modules = [line.partition(",")[0] for line in lines]

    missing = [
        f"{module}.{name}"
        for module in modules
        if module not in ("", model_classes.KERAS_1)
        for name in model_classes.allowed_classes(module)
        if not hasattr(importlib.import_module(module), name)
    ]

    assert missing == []


@pytest.mark.parametrize("name", ["ConvNeXtTiny", "MobileNetV3Small"])
def test_a_network_with_layers_of_its_own_is_accepted(name, tmp_path):
    recipe = tiny_keras.recipe(tmp_path, model=name)
    frozen = networks.build_frozen(recipe, "float32", tmp_path)
    head = build_head(recipe, np.ones((2, *frozen.features), "float32"), 2)
    path = tmp_path / "model.keras"
    networks.save_model(networks.join_model(frozen, head), ["cats", "dogs"], path)

    model_archive.check_archive(path)


def test_a_head_of_layers_and_operations_is_accepted(tmp_path):
    features = keras.Input((4, 4, 8))
    hidden = keras.layers.SeparableConv2D(8, 3, depthwise_regularizer="l2")(features)
    hidden = keras.layers.Bidirectional(keras.layers.LSTM(3))(keras.ops.max(hidden, 1))
    hidden = keras.ops.relu(hidden[:, 1:] * 2) + keras.ops.where(hidden[:, :-1] > 0, 1.0, 2.0)
    made = keras.Model(features, keras.layers.Dense(2, kernel_constraint="non_neg")(hidden))
    networks.save_model(made, ["cats", "dogs"], tmp_path / "model.keras")

    model_archive.check_archive(tmp_path / "model.keras")


def test_a_model_of_a_newer_keras_names_the_version_to_install(model, tmp_path):
    later = tmp_path / "model.keras"
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(later, "w") as new:
        for each in old.namelist():
            new.writestr(each, renamed(old.read(each)) if each == "config.json" else old.read(each))

    with pytest.raises(NotLoadable) as refused:
        load_check.check_loads(later, {"keras": "4.0.1"})

    assert str(later) in str(refused.value)
    assert "of_tomorrow" in str(refused.value)
    assert refused.value.fix.startswith("%pip install keras==4.0.1, the version of the host")


def renamed(config):
    document = json.loads(config)
    document["config"]["layers"][-1]["config"]["of_tomorrow"] = True
    return json.dumps(document)
