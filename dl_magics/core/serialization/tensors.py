"""Tensors of TensorFlow, PyTorch and JAX, where the library is installed on both sides.

They arrive in the memory of the CPU.
"""

from __future__ import annotations

from typing import Any

from dl_magics.core.serialization.codec import Codec, Codecs, Parts, UnsupportedType


def _split_tensorflow(value: Any) -> Parts:
    return [value.numpy()], None


def _join_tensorflow(parts: list[Any], _: Any) -> Any:
    import tensorflow as tf

    return tf.constant(parts[0])


def _split_torch(value: Any) -> Parts:
    import torch

    if value.layout != torch.strided or value.is_quantized:
        raise UnsupportedType("sparse or quantized tensor")
    if value.requires_grad and not value.is_leaf:
        raise UnsupportedType("tensor with a history of gradients; .detach() returns one without")
    here = value.detach().cpu().resolve_conj().resolve_neg()
    if here.dtype == torch.bfloat16:
        # NumPy has no such type.
        return [here.contiguous().view(torch.int16).numpy()], ["bfloat16", value.requires_grad]
    return [here.numpy()], ["", value.requires_grad]


def _join_torch(parts: list[Any], data: Any) -> Any:
    import torch

    dtype, requires_grad = data
    tensor = torch.from_numpy(parts[0])
    tensor = tensor.view(torch.bfloat16) if dtype == "bfloat16" else tensor
    return tensor.requires_grad_(bool(requires_grad))


def _split_jax(value: Any) -> Parts:
    import numpy as np

    try:
        return [np.asarray(value)], None
    except TypeError:
        raise UnsupportedType("JAX array of random keys") from None


def _join_jax(parts: list[Any], _: Any) -> Any:
    import jax.numpy as jnp

    array = jnp.asarray(parts[0])
    if array.dtype != parts[0].dtype:
        raise UnsupportedType(f"JAX array of {parts[0].dtype}, and jax_enable_x64 is off")
    return array


CODECS: Codecs = {
    "tensorflow.EagerTensor": Codec(_split_tensorflow, _join_tensorflow),
    "torch.Tensor": Codec(_split_torch, _join_torch),
    "jaxlib.ArrayImpl": Codec(_split_jax, _join_jax),
}
