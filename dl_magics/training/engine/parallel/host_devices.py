"""Train a network on the devices of several processes, one on each host, with JAX.

Each process has a copy of the variables and computes its share of each batch; the gradients are
those of the whole batch. Keras' `keras.distribution` joins them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def join_processes(coordinator: str, count: int, number: int, seed: int) -> None:
    """Join as process `number` of `count`; before JAX is used.

    The process 0 listens at the address `coordinator` only, which all others connect to.
    """
    # By default JAX listens at all addresses of the host.
    os.environ["JAX_COORDINATOR_BIND_ADDRESS"] = coordinator
    import jax
    import keras

    # Without a GPU; on GPUs it is NCCL.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    # Else Keras agrees on a seed by a computation of all.
    keras.utils.set_random_seed(seed)
    keras.distribution.initialize(coordinator, count, number)


class HostDevices:
    """The first `each` devices of every process."""

    def __init__(self, each: int) -> None:
        import jax
        import keras

        self._count, self._number = jax.process_count(), jax.process_index()
        own = [
            [device for device in jax.devices() if device.process_index == number][:each]
            for number in range(self._count)
        ]
        named = [f"{device.platform}:{device.id}" for devices in own for device in devices]
        self._devices = len(named)
        self._forward: Any = None
        self._is_divided = True
        self._parallel = None
        if self._devices > 1:
            self._parallel = keras.distribution.DataParallel(devices=named)
            self._divided = self._parallel.get_data_layout
            # Keras would divide every batch, and fail where this cannot be done evenly.
            self._parallel.get_data_layout = self._choose_layout

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which the variables must be made and set."""
        return self._parallel.scope() if self._parallel else nullcontext()

    def train(self, model: Any, batch: Sequence[Array | None]) -> dict[str, float]:
        """Train on a batch, of which each process gets all; return its loss and metrics."""
        size = next(len(each) for each in batch if each is not None)
        self._is_divided = size % self._devices == 0
        own = slice(None)
        if self._is_divided:
            share = size // self._count
            own = slice(self._number * share, (self._number + 1) * share)
        images, labels, weights = (None if each is None else each[own] for each in batch)
        with self.scope():
            logs = model.train_on_batch(images, labels, sample_weight=weights, return_dict=True)
        return {name: float(value) for name, value in logs.items()}

    def predict(self, model: Any, images: Array) -> Array:
        """Return the output for the share of a batch that this process has."""
        import jax

        if self._forward is None:
            self._forward = jax.jit(
                lambda *values: model.stateless_call(*values, training=False)[0]
            )
        share = -(-len(images) // self._count)
        own = images[self._number * share : (self._number + 1) * share]
        if not len(own):
            own, share = images[:1], 0
        # Of its own copy of the variables: no process waits for another one.
        values = [
            [each.value.addressable_data(0) for each in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        ]
        return np.asarray(self._forward(*values, own))[:share]

    def _choose_layout(self, shape: Sequence[int]) -> Any:
        from keras import distribution

        assert self._parallel
        if self._is_divided:
            return self._divided(shape)
        return distribution.TensorLayout([None] * len(shape), self._parallel.device_mesh)


def broadcast(value: Array) -> Array:
    """Return the array that the process 0 has; all others give one of its shape and type."""
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.broadcast_one_to_all(value))
