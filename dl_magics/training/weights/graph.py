"""The graph of a network of `keras.applications`, as Keras builds it for its ImageNet weights."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from dl_magics.training.recipe.applications import Application

# Keras builds these networks with one layer more if `weights="imagenet"`: behind the first
# normalization, pixels are divided by the square root of the deviations of ImageNet's channels.
# With any other value of `weights`, a path too, it leaves that layer out.
# Source: keras/src/applications/efficientnet.py.
_RESCALED = tuple(f"EfficientNetB{number}" for number in range(8))
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

# What may differ between two equal graphs: names are counted per process, and one graph is built
# in several precisions.
_NO_PART_OF_THE_GRAPH = {"name", "dtype", "build_config", "registered_name", "module"}


def build_network(application: Application, size: int) -> Any:
    """Return the network without its top, (size, size, 3) to a feature map, with random weights."""
    return _build(application, include_top=False, input_shape=(size, size, 3))


def build_whole(application: Application) -> Any:
    """Return the network with its top, to logits or probabilities, with random weights."""
    return _build(application, include_top=True)


def _build(application: Application, **options: Any) -> Any:
    import keras

    network = getattr(keras.applications, application.name)(weights=None, **options)
    if application.name not in _RESCALED:
        return network

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        outputs = layer(*inputs, **options)
        if isinstance(layer, keras.layers.Normalization):
            scale = [1 / math.sqrt(deviation) for deviation in _IMAGENET_DEVIATION]
            return keras.layers.Rescaling(scale)(outputs)
        return outputs

    return keras.models.clone_model(network, call_function=call)


def describe_graph(network: Any) -> list[Any]:
    """Return the layers in order: class, configuration and inputs, without names and precision.

    Two networks with equal descriptions and equal weights compute the same features.
    """
    config = network.get_config()
    if "layers" not in config:
        # A backbone of KerasHub, whose layers follow from its class and this configuration.
        return [type(network).__name__, _plain(config, {})]
    layers = config["layers"]
    position = {layer["name"]: number for number, layer in enumerate(layers)}
    return [_plain(layer, position) for layer in layers]


def graph_sha256(network: Any) -> str:
    """Return the digest of `describe_graph`."""
    text = json.dumps(describe_graph(network), sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any, position: dict[str, int]) -> Any:
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if key not in _NO_PART_OF_THE_GRAPH}
        return {key: _plain(one, position) for key, one in kept.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, position) for one in value]
    return position.get(value, value) if isinstance(value, str) else value
