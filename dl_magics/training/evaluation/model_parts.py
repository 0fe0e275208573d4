"""Take the model of a run apart: what is in front of its features, and the head behind them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from dl_magics.errors import DamagedRun
from dl_magics.training.engine.keras_context import default_keras_config
from dl_magics.training.engine.networks import find_base
from dl_magics.training.weights.graph import graph_sha256

_POOLING = ("MaxPooling2D", "AveragePooling2D")


@dataclass(frozen=True, eq=False)
class ModelParts:
    """The steps of a saved model in order; each is called on the result of the one before it.

    `frozen` maps pixels to features, and `base` is the pretrained network in it;
    `head` maps features to logits, and `ends` these to probabilities.
    """

    frozen: Any
    base: Any
    head: Any
    ends: tuple[Any, ...]

    @property
    def network_sha256(self) -> str:
        """The digest of the graph and the weights of the network, as in the feature store."""
        digest = hashlib.sha256(graph_sha256(self.base).encode())
        for values in self.base.get_weights():
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()

    def build_classifier(self) -> Any:
        """Return a model from features to probabilities."""
        return _chain(self.frozen.output.shape[1:], (self.head, *self.ends))

    def build_logits(self) -> Any:
        """Return a model from pixels to logits."""
        return _chain(self.frozen.input_shape[1:], (self.frozen, self.head))

    def build_map_parts(self) -> tuple[Any, Any] | None:
        """Return a model from pixels to its last map of activations, and one from there to logits.

        A pooling at the end of the network is left to the second: the map has more pixels without
        it. None where the network does not end in a map.
        """
        if len(self.base.outputs) > 1:
            return None
        output = self.base.outputs[0]
        poolings: list[Any] = []
        while len(output.shape) == 4:
            layer = output._keras_history.operation
            if type(layer).__name__ not in _POOLING:
                break
            poolings.insert(0, layer)
            output = layer.input
        if len(output.shape) != 4:
            return None
        steps = self.frozen.operations[1:]  # the first is its input
        at = steps.index(self.base)
        import keras

        activations = keras.Model(self.base.inputs, output)
        return (
            _chain(self.frozen.input_shape[1:], (*steps[:at], activations)),
            _chain(output.shape[1:], (*poolings, *steps[at + 1 :], self.head)),
        )


def take_apart(model: Any) -> ModelParts:
    """Return the parts of a model that a run has saved.

    Raises DamagedRun where it was not built by a run.
    """
    try:
        frozen, head, *ends = model.layers[1:]
        return ModelParts(frozen, find_base(frozen), head, tuple(ends))
    except (ValueError, StopIteration, AttributeError) as error:
        raise DamagedRun(
            "The model of the run was not built by a run: it has no network and no head.",
            fix="Run the %%finetune cell again; the features it computed are kept.",
        ) from error


def _chain(shape: tuple[int | None, ...], steps: tuple[Any, ...]) -> Any:
    """Return a model that calls each step on the result of the one before it."""
    import keras

    with default_keras_config("float32"):
        inputs = values = keras.Input(shape)
        for step in steps:
            values = step(values)
        return keras.Model(inputs, values)
