"""Evaluations for tests, of images that do not exist."""

from __future__ import annotations

from dl_magics.runs.evaluation import Evaluation, PhotoPrediction

CLASSES = ("cats", "dogs")


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
