"""A run on a folder with train, valid and test, shared by the tests of this folder.

Modules that are covered by a test of another name:

gradients: tests/training/test_backends.py
model_parts: tests/training/evaluation/test_grad_cam.py
photos: tests/training/evaluation/test_evaluate.py
"""

from __future__ import annotations

import pytest

from dl_magics.runs.paths import RunPaths
from dl_magics.training.engine import pipeline
from dl_magics.training.run import Run
from support import run_events, tiny_keras

SEEDS = {"train": range(10), "valid": range(20, 26), "test": range(30, 34)}


def fill(root):
    """Fill a folder with photos in three parts."""
    for part, seeds in SEEDS.items():
        for name in ("blue", "red"):
            for seed in seeds:
                tiny_keras.photo(root / part / name / f"{seed}.png", name, seed)
    return root


@pytest.fixture(scope="session")
def evaluated_room(tmp_path_factory):
    """A data folder `photos` and our folder with a run `runs/run` and its features."""
    room = tmp_path_factory.mktemp("evaluated")
    data = fill(room / "photos")
    (room / "runs/run").mkdir(parents=True)
    recipe = tiny_keras.recipe(data, heads=2, epochs=4, learning_rate=0.01)
    paths = RunPaths(room / "runs/run", room / "features", room / "weights")
    run_events.write_log(paths.run, list(pipeline.run(recipe, paths)))
    return room


@pytest.fixture
def run(evaluated_room):
    return Run(evaluated_room / "runs/run")
