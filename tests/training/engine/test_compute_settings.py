"""Each run has its own process, as TensorFlow and JAX fix the number of threads at the start."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dl_magics.runs import log
from dl_magics.runs.events import RunResumed, RunStarted, Warned
from dl_magics.training.engine import compute_settings
from dl_magics.training.engine.compute_settings import ComputeSettings
from dl_magics.training.run import Run
from support import startup, tiny_keras

# Trains a run and interrupts another during extraction, or resumes the latter.
PROGRAM = """
import sys
from itertools import count
from pathlib import Path
from support import tiny_keras
from dl_magics.training import recorder

todo, data, folder = sys.argv[1], *map(Path, sys.argv[2:])

def begin(name, stop=lambda: False):
    recipe = tiny_keras.recipe(data, dropout=0.5, epochs=3, batch_size=5)
    for event in recorder.record_new_run(recipe, tiny_keras.paths(folder / name), stop=stop):
        pass

def interrupt(calls):
    def stop():
        if next(calls) == 2:
            raise KeyboardInterrupt
        return False
    return stop

if "whole" in todo:
    begin("whole")
if "part" in todo:
    for name in ("one", "two"):
        try:
            begin(name, interrupt(count()))
        except KeyboardInterrupt:
            pass
if "compute first" in todo:
    import keras
    keras.ops.matmul(keras.ops.ones((2, 2)), keras.ops.ones((2, 2)))
if "resume" in todo:
    paths = tiny_keras.paths(folder / ("two" if "first" in todo else "one"))
    for event in recorder.record_resumed_run(paths):
        pass
"""
# Without oneDNN, TensorFlow's numbers depend on the threads on every processor.
FLAGS = {"TF_ENABLE_ONEDNN_OPTS": "0"}


def run_program(todo, data, folder, threads, **variables):
    threads = {"TF_NUM_INTRAOP_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    env = {**os.environ, **threads, "PYTHONPATH": startup.join_paths("tests"), **variables}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, todo, str(data), str(folder)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def trained_with_two_threads(data, tmp_path_factory):
    """An uninterrupted run, and two that were interrupted during extraction."""
    folder = tmp_path_factory.mktemp("two threads")
    run_program("whole part", data, folder, 2, **FLAGS)
    return folder


def test_a_resumed_run_computes_with_as_many_threads_as_it_began_with(
    data, trained_with_two_threads
):
    folder = trained_with_two_threads
    run_program("resume", data, folder, 1, **FLAGS)

    resumed, whole = Run(folder / "one" / "run"), Run(folder / "whole" / "run")
    assert resumed.history == whole.history
    other = tiny_keras.weights(whole.path)
    for name, value in tiny_keras.weights(resumed.path).items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)
    events = list(log.read_events(resumed.path))
    (went_on,) = tiny_keras.of_kind(RunResumed, events)
    assert went_on.compute["threads"] == 2
    assert not list(tiny_keras.of_kind(Warned, events))


def test_a_run_resumed_with_other_threads_warns_that_the_last_digits_may_differ(
    data, trained_with_two_threads
):
    folder = trained_with_two_threads
    run_program("compute first, resume", data, folder, 1, **FLAGS)

    run = Run(folder / "two" / "run")
    (warned,) = tiny_keras.of_kind(Warned, log.read_events(run.path))
    assert warned.code == "other_threads"
    assert warned.text == (
        "The run began with 2 compute threads and continues with 1: tensorflow cannot change them "
        "after its first computation."
    )
    assert "last digits may differ" in warned.fix
    assert "restart the kernel" in warned.fix
    assert run.status == "done"


def test_the_log_records_threads_instruction_set_and_flags(trained_with_two_threads):
    path = trained_with_two_threads / "whole" / "run"
    (started,) = tiny_keras.of_kind(RunStarted, log.read_events(path))

    assert started.compute["threads"] == 2
    assert started.compute["flags"] == "TF_ENABLE_ONEDNN_OPTS=0"
    assert set(started.compute["instruction_set"].split()) <= compute_settings.cpu_flags()


THREADS = """
import json, sys
from dl_magics.training.engine import compute_settings, device
before = compute_settings.detect().threads
compute_settings.set_threads(before + 1)
device.detect_device()
after = compute_settings.detect().threads
import keras
keras.ops.matmul(keras.ops.ones((2, 2)), keras.ops.ones((2, 2)))
compute_settings.set_threads(before + 2)
print(json.dumps([after - before, compute_settings.detect().threads - before]))
"""


@pytest.mark.parametrize(
    ("backend", "offsets"), [("tensorflow", [1, 1]), ("jax", [1, 1]), ("torch", [1, 2])]
)
def test_threads_are_set_before_the_first_computation_and_in_torch_at_any_time(backend, offsets):
    done = subprocess.run(
        [sys.executable, "-c", THREADS],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout.splitlines()[-1]) == offsets


def test_a_changed_instruction_set_or_flag_is_a_warning_with_both_values():
    before = {"threads": 4, "instruction_set": "avx2 avx512f", "flags": ""}
    now = ComputeSettings(4, "avx2", "XLA_FLAGS=--x")

    texts = [each.text for each in compute_settings.changes(before, now, "jax")]

    assert texts == [
        "The run began with the instruction set avx2 avx512f and continues with avx2.",
        "The run began with the flags (none) and continues with XLA_FLAGS=--x.",
    ]


def test_the_same_settings_and_a_log_without_settings_give_no_warning():
    now = ComputeSettings(4, "avx2", "")

    assert not list(compute_settings.changes(now.to_json(), now, "jax"))
    assert not list(compute_settings.changes({}, now, "jax"))
