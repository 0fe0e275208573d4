"""Evaluations for tests: of images that do not exist, and of a run on small photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from dl_magics.runs.evaluation import Evaluation, PhotoPrediction

CLASSES = ("cats", "dogs")
_SEEDS = {"train": range(10), "valid": range(20, 26), "test": range(30, 34)}


def make_photo(
    path: str, truth: str | None, *probabilities: float, classes: tuple[str, ...] = CLASSES
) -> PhotoPrediction:
    return PhotoPrediction(path, truth, probabilities, classes)


def make_evaluation(*photos: PhotoPrediction, **changes: object) -> Evaluation:
    """Return an evaluation of these images; of three right and one wrong without any."""
    few = (
        make_photo("valid/cats/1.jpg", "cats", 0.9, 0.1),
        make_photo("valid/cats/2.jpg", "cats", 0.2, 0.8),
        make_photo("valid/dogs/1.jpg", "dogs", 0.4, 0.6),
        make_photo("valid/dogs/2.jpg", "dogs", 0.0, 1.0),
    )
    values = {
        "run": "2026-11-26_120000_vgg16_pets",
        "split": "valid",
        "root": "/data/pets",
        "classes": (photos or few)[0].classes,
        "photos": photos or few,
        "data_digest": "a" * 64,
        "model_sha256": "b" * 64,
    }
    return Evaluation(**{**values, **changes})


@pytest.fixture(scope="session")
def evaluated_room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder `photos` with train, valid and test, and a run `runs/run` with its features.

    The folder can be `DL_MAGICS_HOME`.
    """
    from dl_magics.runs.paths import RunPaths
    from dl_magics.training.engine import pipeline
    from support import run_events, tiny_keras
    from support.backbones import small_model

    room = tmp_path_factory.mktemp("evaluated")
    for part, seeds in _SEEDS.items():
        for name in ("blue", "red"):
            for seed in seeds:
                tiny_keras.photo(room / "photos" / part / name / f"{seed}.png", name, seed)
    small_model.save_beside(room / "photos", pooling=None)
    (room / "runs/run").mkdir(parents=True)
    recipe = tiny_keras.recipe(room / "photos", heads=2, epochs=4, learning_rate=0.01)
    paths = RunPaths(room / "runs/run", room / "features", room / "weights")
    run_events.write_log(paths.run, list(pipeline.run(recipe, paths)))
    return room
