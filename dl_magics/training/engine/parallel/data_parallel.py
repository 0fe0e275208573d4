"""Train a network on several devices: each batch is divided among them.

The gradients are those of the whole batch, so what is learned does not depend on the number of
devices, apart from rounding. A batch that cannot be divided, such as the last one of an epoch, is
computed by each device as a whole: to leave images out or repeat some would change its loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Devices(Protocol):
    """Where a network is trained."""

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which its variables must be made."""

    def distribute(self, model: Any) -> Any:
        """Return what trains the compiled model of that scope, batch by batch, as Keras does."""


def select_devices(members: Sequence[str]) -> Devices:
    """Return the devices with these names in Keras' backend, JAX or TensorFlow, or the only one."""
    import keras

    if len(members) < 2:
        return _OneDevice()
    if keras.config.backend() == "jax":
        return _JaxDevices(members)
    return _TensorFlowDevices(members)


class _OneDevice:
    """The device that Keras uses by itself."""

    def scope(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def distribute(self, model: Any) -> Any:
        return model


class _JaxDevices:
    """Devices of JAX: the compiled step is that of one device, its arrays are distributed."""

    def __init__(self, members: Sequence[str]) -> None:
        import keras

        self.count = len(members)
        self._parallel = keras.distribution.DataParallel(devices=list(members))
        self._divided = self._parallel.get_data_layout
        # Keras would divide every batch, and fail where this cannot be done evenly.
        self._parallel.get_data_layout = self._choose_layout

    def scope(self) -> AbstractContextManager[Any]:
        scope: AbstractContextManager[Any] = self._parallel.scope()
        return scope

    def distribute(self, model: Any) -> Any:
        return _DistributedModel(model, self)

    def train(self, model: Any, batch: Sequence[Array | None]) -> dict[str, Any]:
        images, labels, weights = batch
        logs: dict[str, Any] = model.train_on_batch(
            images, labels, sample_weight=weights, return_dict=True
        )
        return logs

    def predict(self, model: Any, images: Array) -> Array:
        from keras import distribution

        # Keras divides what it trains on, but not this.
        divided = distribution.distribute_tensor(images, self._choose_layout(images.shape))
        return np.asarray(model.predict_on_batch(divided))

    def _choose_layout(self, shape: Sequence[int]) -> Any:
        from keras import distribution

        if shape[0] % self.count == 0:
            return self._divided(shape)
        return distribution.TensorLayout([None] * len(shape), self._parallel.device_mesh)


class _TensorFlowDevices:
    """Devices of TensorFlow: each has a copy of the variables, and the gradients are summed."""

    def __init__(self, members: Sequence[str]) -> None:
        import tensorflow as tf

        self.count = len(members)
        # TensorFlow's collective operations fail for a second network in the same process.
        self._strategy = tf.distribute.MirroredStrategy(
            list(members), cross_device_ops=tf.distribute.ReductionToOneDevice()
        )
        self._has_metrics = False

    def scope(self) -> AbstractContextManager[Any]:
        scope: AbstractContextManager[Any] = self._strategy.scope()
        return scope

    def distribute(self, model: Any) -> Any:
        return _DistributedModel(model, self)

    def train(self, model: Any, batch: Sequence[Array | None]) -> dict[str, Any]:
        if not self._has_metrics:
            # Keras makes the variables of the metrics from a batch that is not distributed.
            images, labels, weights = (None if each is None else each[:1] for each in batch)
            model.test_on_batch(images, labels, sample_weight=weights)
            self._has_metrics = True
        images, labels, weights = map(self._divide, batch)
        model.train_on_batch(images, labels, sample_weight=weights)
        # What it returns is the mean of the devices' means: with weights not that of the batch.
        return {name: float(value) for name, value in model.get_metrics_result().items()}

    def predict(self, model: Any, images: Array) -> Array:
        return np.asarray(model.predict_on_batch(self._divide(images)))

    def _divide(self, values: Array | None) -> Any:
        import tensorflow as tf

        if values is None:
            return None
        whole = len(values) % self.count
        parts = [values] * self.count if whole else np.split(values, self.count)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )


class _DistributedModel:
    """A compiled model whose batches are divided; everything else is that of the model."""

    def __init__(self, model: Any, devices: _JaxDevices | _TensorFlowDevices) -> None:
        self._model = model
        self._devices = devices

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def train_on_batch(
        self,
        images: Array,
        labels: Array,
        *,
        sample_weight: Array | None = None,
        return_dict: Literal[True],  # noqa: ARG002 - Keras' list of numbers is not needed
    ) -> dict[str, Any]:
        """Train on one batch, and return its loss and metrics."""
        with self._devices.scope():
            return self._devices.train(self._model, (images, labels, sample_weight))

    def predict_on_batch(self, images: Array) -> Array:
        """Return the output for one batch, which is filled up so that it can be divided."""
        missing = -len(images) % self._devices.count
        filled = np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)])
        with self._devices.scope():
            return self._devices.predict(self._model, filled)[: len(images)]
