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
from dl_magics.training.run import Run

PICTURE_SIDE = 112
"""The shorter side of a picture, in pixels."""

MOST_PICTURES = 60
"""How many pictures one request returns."""

_SHOWN_AT = 224


def evaluate_run(run: str, split: str, *, data: str = "", explained: int = 0) -> dict[str, Any]:
    """Return the evaluation of the run in the folder `run`, and pictures of the worst images.

    `explained` images with the highest loss get two pictures: the image, and where the model looked
    for the class that it predicted.
    """
    return evaluate_opened(Run(Path(run).expanduser()), split, data=data, explained=explained)


def evaluate_opened(run: Run, split: str, *, data: str = "", explained: int = 0) -> dict[str, Any]:
    """Return what `evaluate_run` returns, of a run that shows its progress."""
    with translating_out_of_memory():
        found = run.evaluate(split, data=data)
        worst = found.top_losses(min(explained, MOST_PICTURES))
        overlays = _draw_overlays(run, Path(found.root), worst) if worst else {}
    pictures = draw_pictures(found.root, [each.path for each in worst])["pictures"]
    return {"evaluation": found.to_json(), "pictures": pictures, "overlays": overlays}


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


def _draw_overlays(run: Run, root: Path, photos: Sequence[PhotoPrediction]) -> dict[str, str]:
    """Return the overlay of each image by path; none where the model has no map."""
    if run.is_on_theano:
        return {}
    cam = GradCam(take_apart(run.model))
    if not cam.is_possible:
        return {}
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
        return {}
    maps = cam.draw_maps(np.stack(list(shown.values())), labels)
    return {
        path: previews.encode_overlay(root / path, heat, _SHOWN_AT, gray)
        for path, heat in zip(shown, maps, strict=True)
    }
