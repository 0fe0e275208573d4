"""Recognize that the memory of a device is exhausted, and give back what is not in use."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from dl_magics.errors import TrainingFailed

# Each backend raises a type of its own, and all of them a plain RuntimeError for some allocations.
_TYPES = frozenset(["OutOfMemoryError", "ResourceExhaustedError", "MemoryError"])
_MESSAGES = (
    *("out of memory", "resource_exhausted", "can't allocate memory", "failed to allocate"),
    *("cudnn_status_alloc_failed", "cublas_status_alloc_failed"),
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of Keras' backend says that memory is exhausted."""
    if {each.__name__ for each in type(error).__mro__} & _TYPES:
        return True
    # JAX and cuDNN raise RuntimeErrors; other errors may quote such words from a path.
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _MESSAGES)


@contextmanager
def translating_out_of_memory() -> Iterator[None]:
    """Raise TrainingFailed where the backend says that memory is exhausted."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingFailed(
            "The memory of the device is full.",
            fix="End what else uses it: %gpu_status shows the GPU.",
        ) from error


def release_memory() -> None:
    """Give back the memory of the device that the backend keeps without using it."""
    import keras

    gc.collect()
    if keras.config.backend() == "torch":
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
