"""Start a batch on a GPU without waiting for it, with each backend of Keras.

`predict_on_batch` waits for its result: the GPU would then be idle while the next batch is decoded,
stacked and copied. Of several devices each computes whole batches, in turn: the numbers are then
those of one device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
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


def start_on_devices(network: Any, members: Sequence[str]) -> Start:
    """Return a function that starts each batch on the next of several devices.

    `members` are their names in Keras' backend, JAX or TensorFlow.
    """
    import keras

    starters = {"jax": _start_jax_on, "tensorflow": _start_tensorflow_on}
    turns = cycle(starters[keras.config.backend()](network, members))

    def start(pixels: Pixels) -> Fetch:
        return next(turns)(pixels)

    return start


def _start_jax(network: Any) -> Start:
    compute = _compile_jax(network)
    weights = _list_values(network)

    def start(pixels: Pixels) -> Fetch:
        features = compute(weights, pixels)
        features.copy_to_host_async()
        return lambda: np.array(features)

    return start


def _start_jax_on(network: Any, members: Sequence[str]) -> list[Start]:
    import jax

    compute = _compile_jax(network)
    named = {f"{each.platform}:{each.id}": each for each in jax.local_devices()}

    def begin(member: str) -> Start:
        device = named[member]
        weights = jax.device_put(_list_values(network), device)
        # The devices compile at the same time: JAX compiles anew for each.
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"features {member}")

        def dispatch(pixels: Pixels) -> Any:
            features = compute(weights, jax.device_put(pixels, device))
            features.copy_to_host_async()
            return features

        def start(pixels: Pixels) -> Fetch:
            started = thread.submit(dispatch, pixels)
            return lambda: np.array(started.result())

        return start

    return [begin(member) for member in members]


def _compile_jax(network: Any) -> Callable[[Any, Any], Any]:
    import jax

    def call(weights: Any, pixels: Any) -> Any:
        return network.stateless_call(*weights, pixels, training=False)[0]

    compiled: Callable[[Any, Any], Any] = jax.jit(call)
    return compiled


def _start_tensorflow_on(network: Any, members: Sequence[str]) -> list[Start]:
    import tensorflow as tf

    def call(weights: Any, pixels: Any) -> Any:
        return network.stateless_call(*weights, pixels, training=False)[0]

    # Keras' own choice for one GPU: with another compiler the last digits would be others.
    compute = tf.function(call, jit_compile=network.jit_compile)

    def begin(member: str) -> Start:
        with tf.device(member):
            weights = tf.nest.map_structure(tf.identity, _list_values(network))
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"features {member}")

        def run(pixels: Pixels) -> Features:
            with tf.device(member):
                return np.asarray(compute(weights, tf.constant(pixels)))

        def start(pixels: Pixels) -> Fetch:
            return thread.submit(run, pixels).result

        return start

    return [begin(member) for member in members]


def _list_values(network: Any) -> tuple[list[Any], list[Any]]:
    """Return the values of the variables that are trained, and of the others."""
    trainable, others = network.trainable_variables, network.non_trainable_variables
    return [each.value for each in trainable], [each.value for each in others]


def _start_in_thread(network: Any) -> Start:
    # TensorFlow copies a result to the host only when asked to, and then waits for it.
    thread = ThreadPoolExecutor(1, thread_name_prefix="features")

    def start(pixels: Pixels) -> Fetch:
        return thread.submit(lambda: np.asarray(network.predict_on_batch(pixels))).result

    return start
