"""What the model says of the validation images at the end of its run, while all is in memory."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from dl_magics.data import previews
from dl_magics.errors import DamagedRun
from dl_magics.runs import evaluation
from dl_magics.runs.evaluation import Evaluation, PhotoPrediction
from dl_magics.runs.report import examples
from dl_magics.training.engine import device
from dl_magics.training.engine.heads.examples import Values
from dl_magics.training.engine.heads.scores import predict_probabilities
from dl_magics.training.engine.scanned_images import ScannedImages
from dl_magics.training.evaluation.evaluate import digest_data, name_below, round_row

_PICTURE_SIDE = 136


def write_final(
    folder: Path, images: ScannedImages, network: Any, values: Values, *, model_sha256: str
) -> None:
    """Write the evaluation of the validation images, and pictures of the errors.

    `values` are what `network`, whose output is logits, gets for each of them. A model that gives
    NaN has no evaluation.
    """
    views, root, classes = images.readable(images.valid), images.folder.root, images.folder.classes
    with device.hide_retracing_warnings():
        rows = predict_probabilities(network, values, len(views))
    with suppress(DamagedRun):
        photos = tuple(
            PhotoPrediction(
                name_below(root, view.file.path),
                classes[view.file.label],
                round_row(row.astype(np.float32)),
                classes,
            )
            for view, row in zip(views, rows, strict=True)
        )
        found = Evaluation(
            run=folder.name,
            split="valid",
            root=str(root),
            classes=classes,
            photos=photos,
            data_digest=digest_data(views, classes),
            model_sha256=model_sha256,
        )
        _write(folder, found)


def _write(folder: Path, found: Evaluation) -> None:
    """Write both files; on a full disk neither: the end of the run says that it is full."""
    try:
        evaluation.write_evaluation(folder, found)
        examples.write_pictures(folder, draw_pictures(found))
    except OSError:
        shutil.rmtree(folder / evaluation.FOLDER, ignore_errors=True)


def draw_pictures(found: Evaluation) -> Mapping[str, str]:
    """Return the pictures of the most confident errors by path; "" for what cannot be read."""
    root = Path(found.root)
    return {
        each.path: previews.encode_picture(root / each.path, _PICTURE_SIDE)
        for each in examples.choose_examples(found)
    }
