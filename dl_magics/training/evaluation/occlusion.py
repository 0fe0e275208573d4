"""Which parts of an image a model needs for a class: each is hidden in turn (Zeiler, Fergus, 2014).

For networks without a last map of activations, such as vision transformers: their class token is
all that a head sees. Grad-CAM on their tokens pointed at a planted patch in 5 to 60 % of images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.training.engine import device
from dl_magics.training.evaluation.model_parts import ModelParts
from dl_magics.training.prediction.predict import Progress

Floats = NDArray[np.float32]

FIELDS = 7
"""An image is divided into so many fields in each direction."""

_BATCH = 32
# A logit that falls by less says nothing: the probability changes by a twentieth of itself at most.
_LEAST_FALL = 0.05


class Occlusion:
    """Maps for the images of one model, by its logits with each field of an image hidden."""

    def __init__(self, parts: ModelParts) -> None:
        self._model = parts.build_logits()

    def draw_maps(
        self, pixels: NDArray[np.uint8], labels: Sequence[int], progress: Progress | None = None
    ) -> Floats:
        """Return a map for each image, (images, FIELDS, FIELDS), from 0 to 1 for its label.

        A map is 0 where the logit of the label does not fall without the field.
        """
        maps = []
        for done, (image, label) in enumerate(zip(pixels, labels, strict=True), start=1):
            whole, *hidden = self._compute_logits(hide_fields(image), label)
            fall = np.maximum(whole - np.array(hidden, np.float32), 0)
            highest = fall.max()
            maps.append(fall / highest if highest > _LEAST_FALL else np.zeros_like(fall))
            if progress:
                progress(done, len(pixels))
        return np.stack(maps).reshape(-1, FIELDS, FIELDS)

    def _compute_logits(self, images: NDArray[np.uint8], label: int) -> list[float]:
        found: list[float] = []
        with device.hide_retracing_warnings():
            for at in range(0, len(images), _BATCH):
                rows = np.asarray(self._model.predict_on_batch(images[at : at + _BATCH]))
                # Of several heads, (images, heads, classes), the mean.
                heads = rows.reshape(len(rows), -1, rows.shape[-1])
                found += heads[..., label].mean(1).tolist()
        return found


def hide_fields(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image, and then the same with one field after the other in its mean colour."""
    edges = np.linspace(0, len(image), FIELDS + 1).round().astype(int)
    colour: Any = image.mean((0, 1)).round()
    versions = np.repeat(image[None], 1 + FIELDS**2, axis=0)
    for n in range(FIELDS**2):
        row, column = divmod(n, FIELDS)
        rows, columns = (slice(edges[at], edges[at + 1]) for at in (row, column))
        versions[1 + n, rows, columns] = colour
    return versions
