"""VGG16 in Keras 1: the frozen part from raw pixels, and the model joined with a head."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import layers, models

_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
# The preprocessing of VGG16 in keras.applications: BGR minus the ImageNet mean.
_MEAN = (103.939, 116.779, 123.68)


def frozen(size: int, weights: Any, pooling: str | None) -> Any:
    """Return VGG16 without its top, from raw RGB pixels (3, size, size) to features."""
    pixels = layers.Input((3, size, size), name="pixels")
    prepare = layers.Convolution2D(3, 1, 1, name="preprocess")
    x = prepare(pixels)
    prepare.set_weights([np.eye(3)[::-1].reshape(3, 3, 1, 1), -np.array(_MEAN)])
    for block, (count, filters) in enumerate(_BLOCKS, start=1):
        for n in range(1, count + 1):
            name = f"block{block}_conv{n}"
            layer = layers.Convolution2D(
                filters, 3, 3, activation="relu", border_mode="same", name=name
            )
            x = layer(x)
            if weights is not None:
                # Theano's convolution flips kernels, so (height, width, in, out) is flipped first.
                kernel = weights[f"{name}/kernel"][::-1, ::-1].transpose(3, 2, 0, 1)
                layer.set_weights([kernel, weights[f"{name}/bias"]])
        x = layers.MaxPooling2D((2, 2), strides=(2, 2), name=f"block{block}_pool")(x)
    if pooling == "avg":
        x = layers.GlobalAveragePooling2D(name="pool")(x)
    elif pooling == "max":
        x = layers.GlobalMaxPooling2D(name="pool")(x)
    else:
        # As in Keras 3, a feature map has its channels last.
        x = layers.Permute((2, 3, 1), name="map")(x)
    return models.Model(input=pixels, output=x)


def whole(network: Any, trained: Any, mean: Any, scale: Any) -> Any:
    """Return one model from raw pixels to probabilities, which plain Keras 1 can load.

    The normalization of the features is folded into the first layer of the head.
    """
    x = network.output
    if len(network.output_shape) > 2:
        x = layers.Flatten(name="flatten")(x)
    for layer in trained.layers:
        if not isinstance(layer, layers.Dense):
            continue
        weights = layer.get_weights()
        if mean is not None:
            weights, mean = _folded(weights, mean, scale), None
        made = layers.Dense(layer.output_dim, activation=layer.activation, name=layer.name)
        x = made(x)
        made.set_weights(weights)
    return models.Model(input=network.input, output=x)


def channels_first(pixels: Any) -> Any:
    """Return raw pixels (n, size, size, 3) as (n, 3, size, size), as Theano requires."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), "float32")


def _folded(weights: Any, mean: Any, scale: Any) -> list[Any]:
    kernel, bias = weights
    repeats = len(kernel) // len(mean)
    mean, scale = np.tile(mean, repeats), np.tile(scale, repeats)
    return [kernel / scale[:, None], bias - (mean / scale).dot(kernel)]
