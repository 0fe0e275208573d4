from __future__ import annotations

import pytest

from dl_magics.training.engine.inference.out_of_memory import is_out_of_memory


class OutOfMemoryError(RuntimeError):
    """Named as PyTorch's."""


class JaxRuntimeError(RuntimeError):
    """Named as JAX's."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 13 bytes."),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_each_backend_says_in_its_own_way_that_memory_is_exhausted(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered"),
        JaxRuntimeError("INTERNAL: Failed to execute XLA Runtime executable"),
        ValueError("/home/out of memory/photos does not exist"),
        KeyboardInterrupt(),
    ],
)
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)
