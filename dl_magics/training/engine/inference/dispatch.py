"""Start a batch on a GPU without waiting for it, with each backend of Keras.

`predict_on_batch` waits for its result: the GPU would then be idle while the next batch is decoded,
stacked and copied.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from dl_magics.training.engine.inference.compute import Features, Fetch, Pixels

Start = Callable[[Pixels], Fetch]


def predict_now(network: Any) -> Start:
    """Return a function that computes a batch as it is called: where nothing can overlap."""

    def start(pixels: Pixels) -> Fetch:
        features: Features = np.asarray(network.predict_on_batch(pixels))
        return lambda: features

    return start


def start_on_gpu(network: Any) -> Start:
    """Return a function that starts a batch on the GPU of Keras' backend."""
    import keras

    starters = {"torch": _start_torch, "jax": _start_jax}
    return starters.get(keras.config.backend(), _start_in_thread)(network)


def _start_torch(network: Any) -> Start:
    import torch

    def start(pixels: Pixels) -> Fetch:
        with torch.no_grad():
            # Pinned memory is copied while the GPU computes.
            batch = torch.from_numpy(pixels).pin_memory().to("cuda", non_blocking=True)
            result = network(batch, training=False)
            features = torch.empty(result.shape, dtype=result.dtype, pin_memory=True)
            features.copy_(result, non_blocking=True)
        # A plain copy would also wait for the batches that are started after this one.
        done = torch.cuda.Event()
        done.record()

        def fetch() -> Features:
            done.synchronize()
            return np.array(features)

        return fetch

    return start


def _start_jax(network: Any) -> Start:
    import jax

    trainable = [each.value for each in network.trainable_variables]
    others = [each.value for each in network.non_trainable_variables]

    def call(trainable: Any, others: Any, pixels: Any) -> Any:
        return network.stateless_call(trainable, others, pixels, training=False)[0]

    compute = jax.jit(call)

    def start(pixels: Pixels) -> Fetch:
        features = compute(trainable, others, pixels)
        features.copy_to_host_async()
        return lambda: np.array(features)

    return start


def _start_in_thread(network: Any) -> Start:
    # TensorFlow copies a result to the host only when asked to, and then waits for it.
    thread = ThreadPoolExecutor(1, thread_name_prefix="features")

    def start(pixels: Pixels) -> Fetch:
        return thread.submit(lambda: np.asarray(network.predict_on_batch(pixels))).result

    return start
