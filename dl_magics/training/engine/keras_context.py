"""Isolate the networks from the user's Keras settings, which are restored afterwards."""

from __future__ import annotations

import random
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
    """Seed the random number generators in a block; restore the user's generators after it."""
    import keras

    before = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def read_generators() -> list[NDArray[Any]]:
    """Return the states of torch's generators, which its Dropout uses instead of seeds."""
    import keras

    if keras.config.backend() != "torch":
        return []
    import torch

    states = [torch.get_rng_state()]
    if torch.cuda.is_available():
        states += torch.cuda.get_rng_state_all()
    return [each.cpu().numpy() for each in states]


def set_generators(states: list[NDArray[Any]]) -> None:
    """Set the states that `read_generators` returned."""
    import keras

    if keras.config.backend() != "torch" or not states:
        return
    import torch

    tensors = [torch.from_numpy(each) for each in states]
    torch.set_rng_state(tensors[0])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(tensors[1 : 1 + torch.cuda.device_count()])
