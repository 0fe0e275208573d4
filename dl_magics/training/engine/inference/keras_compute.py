"""Compute features with a Keras network, in smaller parts where the memory does not suffice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import TrainingFailed
from dl_magics.runs.events import Warned
from dl_magics.training.engine.convolution import replacement
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.inference import dispatch
from dl_magics.training.engine.inference.compute import Features, Fetch
from dl_magics.training.engine.inference.out_of_memory import is_out_of_memory, release_memory

if TYPE_CHECKING:
    from dl_magics.training.engine.views import View

# Each GPU computes one batch while another one waits for it.
_BATCHES_AHEAD = 2
# Batches of a CPU are filled up to a multiple of it.
_CPU_SHAPE = 32


class KerasCompute:
    """Computes with a frozen network, at most `batch_size` images at a time on each device.

    After an out-of-memory error the batch is computed again, in parts of half as many images, of a
    quarter, and so on; later batches too. On a GPU, and where layers are compiled, an incomplete
    batch is filled up, since another size would be compiled or tuned again.
    """

    def __init__(self, network: Any, device: Device, batch_size: int) -> None:
        self.batch_size = batch_size
        self._device = device
        self._on_gpu = on_gpu = device.kind == "gpu"
        self._network = network
        # Unknown before the first batch: a run that finds all features stored compiles nothing.
        self._is_compiled: bool | None = None
        self.ahead = _BATCHES_AHEAD * device.count if on_gpu or device.count > 1 else 0
        self._start = _choose_start(network, device)
        self._warnings: list[Warned] = []

    def start(self, inputs: NDArray[Any], _views: Sequence[View] = (), /) -> Fetch:
        """Start a batch; an error is raised by the function that is returned."""
        if len(inputs) > self.batch_size:
            return partial(self._compute_parts, inputs)
        try:
            fetch = self._start_part(inputs)
        except Exception as error:
            # What a backend raises has no common base; anything else is raised as it was.
            if not is_out_of_memory(error):
                raise
            return partial(self._compute_parts, inputs)
        return partial(self._fetch, fetch, inputs)

    def take_warnings(self) -> Iterator[Warned]:
        """Yield a warning for each time that the batch size was reduced."""
        while self._warnings:
            yield self._warnings.pop(0)

    def describe_workers(self) -> list[Mapping[str, Any]]:
        """Return nothing: this process computes."""
        return []

    def _fetch(self, fetch: Fetch, inputs: NDArray[Any]) -> Features:
        try:
            return fetch()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        return self._compute_parts(inputs)

    def _compute_parts(self, inputs: NDArray[Any]) -> Features:
        before = self.batch_size
        while (features := self._try_parts(inputs)) is None:
            # Here the error is gone, and with it the frames that hold tensors.
            release_memory()
            self.batch_size //= 2
            if not self.batch_size:
                self.batch_size = 1
                raise TrainingFailed(
                    f"{self._device.name} has too little free memory for a single image.",
                    fix="End what else uses this memory (%gpu_status shows the GPU), or lower "
                    "image_size.",
                )
        if self.batch_size < before:
            self._warnings.append(
                Warned(
                    code="batch_halved",
                    text=f"{before} images at a time did not fit into the memory of "
                    f"{self._device.name}: {self.batch_size} at a time do.",
                    fix=f"Nothing is lost. To start with this number: "
                    f"batch_size = {self.batch_size}",
                )
            )
        return features

    def _try_parts(self, inputs: NDArray[Any]) -> Features | None:
        """Return the features, computed part by part; None if the memory does not suffice."""
        size = self.batch_size
        try:
            parts = (inputs[at : at + size] for at in range(0, len(inputs), size))
            return np.concatenate([self._start_part(part)() for part in parts])
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _start_part(self, inputs: NDArray[Any]) -> Fetch:
        missing = self._count_missing(len(inputs))
        if not missing:
            return self._start(inputs)
        filled = np.concatenate([inputs, np.zeros((missing, *inputs.shape[1:]), inputs.dtype)])
        fetch = self._start(filled)
        return lambda: fetch()[: len(inputs)]

    def _count_missing(self, images: int) -> int:
        """Return how many images are added to a batch for the sake of its shape."""
        if self._on_gpu:
            return self.batch_size - images
        # A CPU computes these in full, so only up to a size that all batches may share.
        missing = min(self.batch_size - images, -images % _CPU_SHAPE)
        if self._is_compiled is None:
            self._is_compiled = replacement.compile_ahead(self._network, images + missing)
        return missing if self._is_compiled else 0


def _choose_start(network: Any, device: Device) -> dispatch.Start:
    if device.count > 1:
        return dispatch.start_on_devices(network, device.members)
    if device.kind == "gpu":
        return dispatch.start_on_gpu(network)
    return dispatch.predict_now(network)
