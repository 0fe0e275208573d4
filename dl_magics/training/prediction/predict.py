"""Predict the classes of image files with the model of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dl_magics.data import folders, images
from dl_magics.data.deep_gray import GrayRange
from dl_magics.errors import BadData, DamagedRun
from dl_magics.training.engine import device
from dl_magics.training.prediction.predictions import Prediction, Predictions

_BATCH = 32
_SECONDS_BETWEEN_LINES = 10.0
_LARGEST_SIZE = 4096


Paths = str | Path | Sequence[str | Path]
"""An image file, a folder of them, or a list of both."""

Progress = Callable[[int, int], None]
"""Is called with the number of images that are done, and of all."""


class Classifier(Protocol):
    """A model in some interpreter; `size` is the height and width of its images in pixels."""

    size: int

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities, (images, classes), of RGB pixels, (images, size, size, 3)."""


class KerasClassifier:
    """A `keras.Model` of this process."""

    def __init__(self, model: Any) -> None:
        self.model = model
        shape = model.input_shape
        self.size: int = shape[1] if isinstance(shape, tuple) and len(shape) == 4 else 0

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with device.hide_retracing_warnings():
            return np.asarray(self.model.predict_on_batch(pixels))


@contextmanager
def print_progress() -> Iterator[Progress]:
    """Print a line every ten seconds: where nothing better shows the progress."""
    due = time.monotonic() + _SECONDS_BETWEEN_LINES

    def progress(done: int, total: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _SECONDS_BETWEEN_LINES
            print(f"predict: {done:,} of {total:,} images", flush=True)

    yield progress


def list_names(paths: Paths) -> list[str]:
    """Return the files and folders that are named."""
    return list(map(str, [paths] if isinstance(paths, (str, Path)) else paths))


def list_files(paths: Paths) -> list[Path]:
    """Return the files that are named, or that lie in the folders that are named.

    Raises BadData where there are none.
    """
    named = list_names(paths)
    files = [file for each in named for file in folders.find_files(each)]
    if not files:
        searched = ", ".join(named) or "an empty list"
        raise BadData(
            f"There is no file in {searched}.",
            fix='Name images or a folder: run.predict("data/dogscats/valid")',
        )
    return files


def predict_files(
    classifier: Classifier,
    files: Sequence[Path],
    classes: Sequence[str],
    progress: Progress,
    gray: GrayRange | None = None,
) -> Predictions:
    """Return a prediction for each valid image; `classes` are in the order of the outputs.

    Grayscale of more than 8 bits is scaled by `gray`, that of the run.

    Raises DamagedRun where the model is not one of images with these classes.
    """
    if type(classifier.size) is not int or not 0 < classifier.size <= _LARGEST_SIZE:
        raise _other_model(f"images of {classifier.size!r:.20} pixels")
    predictions: list[Prediction] = []
    skipped: dict[PurePath, str] = {}
    for start in range(0, len(files), _BATCH):
        progress(start, len(files))
        decoded = _decode(files[start : start + _BATCH], classifier.size, gray, skipped)
        if not decoded:
            continue
        rows = classifier.probabilities(np.stack(list(decoded.values())))
        if rows.shape != (len(decoded), len(classes)):
            raise _other_model(f"{rows.shape[-1]} classes, not {len(classes)}")
        predictions += [
            Prediction(
                path=file,
                label=classes[int(np.argmax(row))],
                probability=float(np.max(row)),
                probabilities=dict(zip(classes, map(float, row), strict=True)),
            )
            for file, row in zip(decoded, rows, strict=True)
        ]
    return Predictions(predictions, skipped)


def _other_model(takes: str) -> DamagedRun:
    return DamagedRun(
        f"The model of the run does not belong to its log: it has {takes}.",
        fix="Run the %%finetune cell again; the features it computed are kept.",
    )


def _decode(
    files: Sequence[Path], size: int, gray: GrayRange | None, skipped: dict[PurePath, str]
) -> dict[Path, NDArray[np.uint8]]:
    """Return the pixels of the valid images; add the other files to `skipped`."""
    decoded = {}
    for file in files:
        try:
            decoded[file] = images.decode(file.read_bytes(), size, gray)
        except images.BrokenImage as error:
            skipped[file] = error.reason
        except OSError as error:
            skipped[file] = error.strerror or str(error)
    return decoded
