"""Isolate the networks from the user's Keras settings, which are restored afterwards."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray


@contextmanager
def default_keras_config(policy: str) -> Iterator[None]:
    """Set Keras' defaults and this dtype policy in a block; then restore the user's settings."""
    from keras import config

    before = config.dtype_policy(), config.floatx(), config.image_data_format()
    config.set_floatx("float32")
    config.set_image_data_format("channels_last")
    config.set_dtype_policy(policy)
    try:
        yield
    finally:
        config.set_dtype_policy(before[0])
        config.set_floatx(before[1])
        config.set_image_data_format(before[2])


@contextmanager
def seeded_generators(seed: int) -> Iterator[None]:
    """Seed the random number generators in a block; restore Python's and NumPy's after it.

    Those of the backend stay seeded for training; see `kept_generators`.
    """
    import keras

    before = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


@contextmanager
def kept_generators() -> Iterator[None]:
    """Restore the user's generators of Keras and its backend after a block that seeds them.

    It may be entered before Keras is imported, but not while it is.
    """
    before = {name: getattr(holder, name, None) for holder, name in _list_seeds()}
    torch = sys.modules.get("torch")
    states = _read_torch(torch, torch.cuda.is_initialized()) if torch else []
    try:
        yield
    finally:
        for holder, name in _list_seeds():
            setattr(holder, name, before.get(name))
        if torch and states:
            _set_torch(torch, states)


def _list_seeds() -> Iterator[tuple[Any, str]]:
    """Yield what holds a seed of TensorFlow or Keras, and under which name; None is no seed.

    Neither has a public function that reads them. What is not imported has none.
    """
    if tensorflow := sys.modules.get("tensorflow.python.eager.context"):
        yield from ((tensorflow.context(), name) for name in ("_seed", "_rng"))
    if keras := sys.modules.get("keras.src.backend.common.global_state"):
        for name in ("global_random_seed", "global_seed_generator"):
            yield keras.GLOBAL_STATE_TRACKER, name


def read_generators() -> list[NDArray[Any]]:
    """Return the states of torch's generators, which its Dropout uses instead of seeds."""
    import keras

    if keras.config.backend() != "torch":
        return []
    import torch

    return _read_torch(torch, torch.cuda.is_available())


def set_generators(states: list[NDArray[Any]]) -> None:
    """Set the states that `read_generators` returned."""
    import keras

    if keras.config.backend() != "torch" or not states:
        return
    import torch

    _set_torch(torch, states)


def _read_torch(torch: Any, on_gpus: bool) -> list[NDArray[Any]]:
    states = [torch.get_rng_state()]
    if on_gpus:
        states += torch.cuda.get_rng_state_all()
    return [each.cpu().numpy() for each in states]


def _set_torch(torch: Any, states: list[NDArray[Any]]) -> None:
    tensors = [torch.from_numpy(each) for each in states]
    torch.set_rng_state(tensors[0])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(tensors[1 : 1 + torch.cuda.device_count()])
