"""Where in an image the model looked for a class: Grad-CAM (Selvaraju et al., 2017).

The last map of activations is weighted by how much each of its channels raises the logit of the
class. For a network that ends in a mean and one dense layer, it is CAM (Zhou et al., 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.training.engine import device
from dl_magics.training.evaluation.gradients import gradient_of_logits
from dl_magics.training.evaluation.model_parts import ModelParts

Floats = NDArray[np.float32]


class GradCam:
    """Maps for the images of one model; `is_possible` is false where it has no map."""

    def __init__(self, parts: ModelParts) -> None:
        found: tuple[Any, Any] | None = parts.build_map_parts()
        self._parts = found
        self.is_possible = found is not None

    def draw_maps(self, pixels: NDArray[np.uint8], labels: Sequence[int]) -> Floats:
        """Return a map for each image, (images, height, width), from 0 to 1 for its label.

        A map is 0 everywhere where nothing in the image speaks for the label.
        """
        assert self._parts is not None
        network, tail = self._parts
        with device.hide_retracing_warnings():
            activations = np.asarray(network.predict_on_batch(pixels), np.float32)
        return weigh_activations(activations, gradient_of_logits(tail, activations, labels))


def weigh_activations(activations: Floats, gradients: Floats) -> Floats:
    """Return the maps of activations and the gradients of a logit by them; both channels last."""
    weights = gradients.mean((1, 2), keepdims=True)
    maps = np.maximum((weights * activations).sum(-1), 0)
    highest = maps.max((1, 2), keepdims=True)
    result: Floats = maps / np.where(highest > 0, highest, 1)
    return result
