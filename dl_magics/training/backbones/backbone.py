"""A pretrained network without its top, the scaling of pixels before it, and pooling behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dl_magics.errors import BadSetting
from dl_magics.training.recipe.applications import Preprocessing

# What `preprocess_input` of keras.applications does, as scale and offset of raw RGB pixels.
# Source: keras/src/applications/imagenet_utils.py.
_MEAN = np.array([0.485, 0.456, 0.406])
_DEVIATION = np.array([0.229, 0.224, 0.225])


@dataclass(frozen=True)
class Scaling:
    """Raw RGB pixels are multiplied by `scale`, then `offset` is added; BGR: reversed before."""

    scale: Any
    offset: Any
    is_bgr: bool = False


SCALES: dict[Preprocessing, Scaling | None] = {
    "caffe": Scaling(1.0, [-103.939, -116.779, -123.68], is_bgr=True),
    "tf": Scaling(1 / 127.5, -1.0),
    "torch": Scaling(list(1 / (255 * _DEVIATION)), list(-_MEAN / _DEVIATION)),
    "none": None,
}


@dataclass(frozen=True, eq=False)
class Backbone:
    """A `keras.Model` and what is around it.

    `prefix` is the number of tokens before those of the patches, where it returns tokens;
    `input_name` is the key of the pixels, where it takes a dict.
    """

    network: Any
    scaling: Scaling | None = None
    prefix: int = 0
    input_name: str = ""

    def add_ends(self, size: int, pooling: str | None) -> Any:
        """Return a network from raw RGB pixels to features: this one behind its preprocessing."""
        import keras

        pixels = keras.Input((size, size, 3), name="pixels", dtype="float32")
        prepared = pixels
        if self.scaling:
            if self.scaling.is_bgr:
                prepared = keras.ops.flip(prepared, axis=-1)
            prepared = keras.layers.Rescaling(
                self.scaling.scale, self.scaling.offset, dtype="float32", name="preprocess"
            )(prepared)
        self.network.trainable = False
        features = self.pool(self._call(prepared), pooling)
        return keras.Model(pixels, features, name="frozen", trainable=False)

    def pool(self, output: Any, pooling: str | None) -> Any:
        """Return the features of what the network returns, in float32.

        Raises BadSetting where `pooling` is "cls" and it returns no class token.
        """
        from keras import layers

        # Means in half precision lose digits: always pool in float32.
        rank = len(output.shape)
        if pooling == "cls":
            if rank != 3:
                raise BadSetting(
                    f'pooling = "cls": the network returns {tuple(output.shape[1:])} for an image, '
                    "which has no class token.",
                    fix="Leave pooling out.",
                )
            return layers.Activation("linear", dtype="float32", name="class_token")(output[:, 0])
        if rank == 2 or pooling is None:
            return layers.Activation("linear", dtype="float32", name="map")(output)
        if rank == 3:
            kinds = {"avg": layers.GlobalAveragePooling1D, "max": layers.GlobalMaxPooling1D}
            output = output[:, self.prefix :] if self.prefix else output
        else:
            kinds = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
        return kinds[pooling](dtype="float32", name="pool")(output)

    def _call(self, pixels: Any) -> Any:
        """Return what the network returns for one input; of several feature maps the last one."""
        inputs = {self.input_name: pixels} if self.input_name else pixels
        output = self.network(inputs, training=False)
        return list(output.values())[-1] if isinstance(output, dict) else output
