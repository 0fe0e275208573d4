"""What a model predicts where a part of each image is of another one, and what its network sees.

A class that is no longer recognized with the corner, the border or the surroundings of an image of
another class, but is with those of its own class, is recognized by what is there: a shortcut,
unless that is where its objects are. A part in one colour would say less: the model has never seen
such images, and may take them for any class.

The argument and the result of the request are JSON values; it runs where the images are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.data import images
from dl_magics.data.deep_gray import GrayRange
from dl_magics.errors import BadData
from dl_magics.training.engine import device
from dl_magics.training.engine.inference.out_of_memory import translating_out_of_memory
from dl_magics.training.evaluation import imagenet_names
from dl_magics.training.evaluation.model_parts import take_apart
from dl_magics.training.prediction.predict import Progress
from dl_magics.training.prediction.requests import open_run

Floats = NDArray[np.float32]

BORDER = "the border"
SURROUNDINGS = "what is around the middle"
_BATCH = 32
_CORNER, _FRAME, _OUTSIDE = 0.25, 0.125, 0.2


def build_regions(size: int) -> dict[str, NDArray[np.bool_]]:
    """Return the regions that are replaced by name: each is a mask of an image."""
    corner, frame, outside = (max(round(size * share), 1) for share in (_CORNER, _FRAME, _OUTSIDE))
    masks = {
        name: _fill(size, rows, columns)
        for name, rows, columns in (
            ("the top left corner", slice(corner), slice(corner)),
            ("the top right corner", slice(corner), slice(size - corner, size)),
            ("the bottom left corner", slice(size - corner, size), slice(corner)),
            ("the bottom right corner", slice(size - corner, size), slice(size - corner, size)),
        )
    }
    inner = slice(frame, size - frame)
    middle = slice(outside, size - outside)
    masks[BORDER] = ~_fill(size, inner, inner)
    masks[SURROUNDINGS] = ~_fill(size, middle, middle)
    return masks


def choose_donors(labels: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return for each image one of another class and another one of its own, as indices.

    Where there is none, it is the image itself. The same labels give the same images.
    """
    random = np.random.default_rng(0)
    of, every = np.asarray(labels), np.arange(len(labels))

    def choose(allowed: NDArray[np.bool_], at: int) -> int:
        return int(random.choice(every[allowed])) if allowed.any() else at

    others = [choose(of != label, at) for at, label in enumerate(labels)]
    same = [choose((of == label) & (every != at), at) for at, label in enumerate(labels)]
    return others, same


def replace_regions(
    run: str,
    root: str,
    paths: Sequence[str],
    labels: Sequence[int],
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return what the run in the folder `run` predicts for images below `root`, by their class.

    `predicted` has the index of the predicted class of each image by the region that is of an image
    of another class, "" for none; `control` has it where that region is of its own class. `nearest`
    is the index of the image whose features are the most similar, in `paths` as they are returned:
    those of images that cannot be decoded are left out. `imagenet` has the name of the ImageNet
    class of each image, or `imagenet_missing` why not. `progress` counts the predictions: of each
    image one as it is, and two with each region.
    """
    opened = open_run(run)
    model = opened.model
    parts = take_apart(model)
    gray = GrayRange(*opened.state.gray) if opened.state.gray else None
    decoded: dict[str, NDArray[np.uint8]] = {}
    for each in paths:
        try:
            data = (Path(root) / each).read_bytes()
            decoded[each] = images.decode(data, model.input_shape[1], gray)
        except (OSError, images.BrokenImage):
            continue
    if not decoded:
        raise BadData(
            f"The images are not in {root} any more.", fix="Run the line again with --data FOLDER."
        )
    pixels = np.stack(list(decoded.values()))
    label_of = dict(zip(paths, labels, strict=True))
    others, same = choose_donors([label_of[each] for each in decoded])
    regions = build_regions(pixels.shape[1])
    count = _Counter(len(pixels) * (1 + 2 * len(regions)), progress)
    with translating_out_of_memory():
        features = _predict(parts.frozen, pixels, count)
        predicted = {"": _predict(parts.build_classifier(), features).argmax(1).tolist()}
        control = {}
        for name, mask in regions.items():
            shown = mask[None, :, :, None]
            from_others = np.where(shown, pixels[others], pixels)
            predicted[name] = _predict(model, from_others, count).argmax(1).tolist()
            if predicted[name] == predicted[""]:  # there is nothing to explain
                control[name] = predicted[""]
                count.add(len(pixels))
                continue
            from_same = np.where(shown, pixels[same], pixels)
            control[name] = _predict(model, from_same, count).argmax(1).tolist()
    names, missing = imagenet_names.name_images(
        opened.state.recipe, [Path(root) / each for each in decoded]
    )
    return {
        "imagenet": names,
        "imagenet_missing": missing,
        "paths": list(decoded),
        "predicted": predicted,
        "control": control,
        "nearest": find_nearest(features.reshape(len(features), -1)),
    }


def find_nearest(features: Floats) -> list[int]:
    """Return the index of the most similar other image of each, by the cosine of its features."""
    if len(features) < 2:
        return [0] * len(features)
    centred = features - features.mean(0)
    scaled = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    similar = scaled @ scaled.T
    np.fill_diagonal(similar, -np.inf)
    return [int(each) for each in similar.argmax(1)]


class _Counter:
    """Counts the predictions that are done."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def add(self, number: int) -> None:
        self._done += number
        if self._progress:
            self._progress(self._done, self._total)


def _predict(model: Any, values: NDArray[Any], count: _Counter | None = None) -> Floats:
    rows = []
    with device.hide_retracing_warnings():
        for at in range(0, len(values), _BATCH):
            rows.append(np.asarray(model.predict_on_batch(values[at : at + _BATCH])))
            if count:
                count.add(len(rows[-1]))
    return np.concatenate(rows)


def _fill(size: int, rows: slice, columns: slice) -> NDArray[np.bool_]:
    mask = np.zeros((size, size), bool)
    mask[rows, columns] = True
    return mask
