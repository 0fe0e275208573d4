"""What the magics for results ask for where a run and its images are: here, or on a host.

The arguments and the results are JSON values. Of the images only small pictures are returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.data import images, previews
from dl_magics.data.deep_gray import GrayRange
from dl_magics.errors import BadData
from dl_magics.runs.evaluation import PhotoPrediction
from dl_magics.training.engine.inference.out_of_memory import translating_out_of_memory
from dl_magics.training.evaluation.grad_cam import GradCam
from dl_magics.training.evaluation.model_parts import take_apart
from dl_magics.training.evaluation.occlusion import Occlusion
from dl_magics.training.prediction.predict import Progress
from dl_magics.training.prediction.requests import open_run
from dl_magics.training.run import Run

PICTURE_SIDE = 112
"""The shorter side of a picture, in pixels."""

MOST_PICTURES = 60
"""How many pictures one request returns."""

GRAD_CAM, OCCLUSION = "grad_cam", "occlusion"
"""How it was found where a model looked."""

_SHOWN_AT = 224


def evaluate_run(
    run: str, split: str, *, data: str = "", explained: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Return the evaluation of the run in the folder `run`, and pictures of the worst images.

    `explained` images with the highest loss get two pictures: the image, and where the model looked
    for the class that it predicted; `method` says how that was found.
    """
    return evaluate_opened(open_run(run, progress), split, data=data, explained=explained)


def evaluate_opened(run: Run, split: str, *, data: str = "", explained: int = 0) -> dict[str, Any]:
    """Return what `evaluate_run` returns, of a run that shows its progress."""
    with translating_out_of_memory():
        found = run.evaluate(split, data=data)
        worst = found.top_losses(min(explained, MOST_PICTURES))
        method, overlays = _draw_overlays(run, Path(found.root), worst)
    pictures = draw_pictures(found.root, [each.path for each in worst])["pictures"]
    return {
        "evaluation": found.to_json(),
        "pictures": pictures,
        "overlays": overlays,
        "method": method,
    }


def draw_pictures(root: str, paths: Sequence[str]) -> dict[str, Any]:
    """Return small pictures of images below a folder by path; "" for what cannot be read."""
    folder = Path(root)
    if not folder.is_dir():
        raise BadData(
            f"The images are not in {root} any more.", fix="Run the line again with --data FOLDER."
        )
    shown = list(paths)[:MOST_PICTURES]
    return {
        "pictures": {each: previews.encode_picture(folder / each, PICTURE_SIDE) for each in shown}
    }


def _draw_overlays(
    run: Run, root: Path, photos: Sequence[PhotoPrediction]
) -> tuple[str, dict[str, str]]:
    """Return how the overlays were made, and that of each image by path; none on Theano."""
    if run.is_on_theano or not photos:
        return "", {}
    gray = GrayRange(*run.state.gray) if run.state.gray else None
    shown: dict[str, NDArray[np.uint8]] = {}
    labels = []
    for each in photos:
        try:
            data = (root / each.path).read_bytes()
            shown[each.path] = images.decode(data, run.model.input_shape[1], gray)
        except (OSError, images.BrokenImage):
            continue
        labels.append(each.classes.index(each.predicted))
    if not shown:
        return "", {}
    method, maps = _draw_maps(run, np.stack(list(shown.values())), labels)
    return method, {
        path: previews.encode_overlay(root / path, heat, _SHOWN_AT, gray)
        for path, heat in zip(shown, maps, strict=True)
    }


def _draw_maps(
    run: Run, pixels: NDArray[np.uint8], labels: Sequence[int]
) -> tuple[str, NDArray[np.float32]]:
    parts = take_apart(run.model)
    cam = GradCam(parts)
    if cam.is_possible:
        return GRAD_CAM, cam.draw_maps(pixels, labels)
    with run.show_progress() as progress:
        return OCCLUSION, Occlusion(parts).draw_maps(pixels, labels, progress)
