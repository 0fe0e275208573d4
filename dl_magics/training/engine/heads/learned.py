"""The weights of a network that training changes: all but those of its fixed part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

TUNED = "above"
"""The part of a network that is called as in inference: what is not trained in it, is fixed."""


def list_changing(network: Any, variables: Iterable[Any]) -> list[Any]:
    """Return those of the variables of a network that training may change."""
    fixed = {
        id(each)
        for part in network.layers
        if part.name == TUNED
        for each in part.variables
        if not each.trainable
    }
    return [each for each in variables if id(each) not in fixed]


def read_weights(network: Any) -> list[NDArray[Any]]:
    """Return a copy of the weights that training changes."""
    from keras import ops

    changing = list_changing(network, network.weights)
    return [np.array(ops.convert_to_numpy(each)) for each in changing]


def load_weights(network: Any, weights: Sequence[NDArray[Any]]) -> None:
    """Set the weights that `read_weights` returned."""
    for variable, value in zip(list_changing(network, network.weights), weights, strict=True):
        variable.assign(value)
