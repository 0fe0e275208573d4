"""The network alone: one batch that lies on the device already, without reading any image."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def prepare_step(network: Any, pixels: NDArray[np.uint8]) -> Callable[[], None]:
    """Return a function that computes the batch once and waits until that is done."""
    import keras

    makers = {"torch": _torch_step, "jax": _jax_step}
    return makers[keras.config.backend()](network, pixels)


def measure_speed(network: Any, images: int, size: int, repeats: int) -> float:
    """Return the images/s of the network alone with batches of so many images."""
    pixels = np.random.default_rng(0).integers(0, 256, (images, size, size, 3), np.uint8)
    step = prepare_step(network, pixels)
    step()
    step()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return images / statistics.median(seconds)


def _torch_step(network: Any, pixels: NDArray[np.uint8]) -> Callable[[], None]:
    import torch

    on_gpu = torch.cuda.is_available()
    batch = torch.from_numpy(pixels).to("cuda" if on_gpu else "cpu")

    def step() -> None:
        with torch.no_grad():
            network(batch, training=False)
        if on_gpu:
            torch.cuda.synchronize()

    return step


def _jax_step(network: Any, pixels: NDArray[np.uint8]) -> Callable[[], None]:
    import jax

    state = (
        [each.value for each in network.trainable_variables],
        [each.value for each in network.non_trainable_variables],
    )
    batch = jax.device_put(pixels)
    compute = jax.jit(
        lambda trainable, others, batch: network.stateless_call(
            trainable, others, batch, training=False
        )[0]
    )
    return lambda: compute(*state, batch).block_until_ready()
