"""Stands for a compiled network that hosts train: its variables are read when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dl_magics.training.crew.joint import state
from dl_magics.training.crew.joint.hosts import HostsLost, TrainingHosts

Array = NDArray[Any]


class Rows:
    """Values that the hosts have: what is read of them are their rows there, from `first` on."""

    def __init__(self, first: int, shape: Sequence[int]) -> None:
        self._rows = np.arange(first, first + shape[0])
        self.shape = tuple(shape)

    def __getitem__(self, chosen: Any) -> Array:
        """Return the rows at a slice or at an array of positions."""
        return np.asarray(self._rows[chosen])


class HostedNetwork:
    """The `model` of this process, as hosts train it; what it gets are rows of their values."""

    def __init__(self, model: Any, hosts: TrainingHosts) -> None:
        self._model = model
        self._hosts = hosts
        self._is_read = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    @property
    def variables(self) -> list[Any]:
        """All variables, with the values that they have on the hosts."""
        return list(self._read().variables)

    @property
    def weights(self) -> list[Any]:
        """All weights, with the values that they have on the hosts."""
        return list(self._read().weights)

    @property
    def optimizer(self) -> Any:
        """The optimizer, with the values that its variables have on the hosts."""
        return self._read().optimizer

    def train_on_batch(
        self,
        rows: Array,
        labels: Array,
        *,
        sample_weight: Array | None = None,
        return_dict: Literal[True],  # noqa: ARG002 - Keras' list of numbers is not needed
    ) -> dict[str, float]:
        """Train on one batch, and return its loss and metrics."""
        self._is_read = False
        return self._hosts.train(rows, labels, sample_weight)

    def predict_on_batch(self, rows: Array) -> Array:
        """Return the logits of one batch."""
        return self._hosts.predict(rows)

    def _read(self) -> Any:
        if not self._is_read:
            variables = state.list_trained(self._model)
            try:
                values = state.unpack(variables, self._hosts.read_variables())
            except ValueError as error:
                raise HostsLost(f"{self._hosts.names[0]} sent {error}.") from error
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            self._is_read = True
        return self._model
