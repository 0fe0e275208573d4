"""The gradient of a logit by the inputs of a model: Keras 3 has no function for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def gradient_of_logits(model: Any, inputs: Floats, labels: Sequence[int]) -> Floats:
    """Return the gradient of logit `labels[n]` of each row by that row of the inputs.

    The logits of several heads, (rows, heads, classes), are averaged.
    """
    import keras

    finders: dict[str, Callable[[Any, Floats, Sequence[int]], Floats]] = {
        "jax": _with_jax,
        "torch": _with_torch,
    }
    return finders.get(keras.config.backend(), _with_tensorflow)(model, inputs, labels)


def _sum_logits(logits: Any, labels: Sequence[int]) -> Any:
    from keras import ops

    if len(logits.shape) == 3:
        logits = ops.mean(logits, axis=1)
    return ops.sum(logits * ops.one_hot(np.array(labels), logits.shape[-1], dtype="float32"))


def _with_tensorflow(model: Any, inputs: Floats, labels: Sequence[int]) -> Floats:
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        watched = tf.convert_to_tensor(inputs)
        tape.watch(watched)
        total = _sum_logits(model(watched, training=False), labels)
    return np.asarray(tape.gradient(total, watched), np.float32)


def _with_jax(model: Any, inputs: Floats, labels: Sequence[int]) -> Floats:
    import jax

    trainable = [each.value for each in model.trainable_variables]
    others = [each.value for each in model.non_trainable_variables]

    def total(values: Any) -> Any:
        return _sum_logits(
            model.stateless_call(trainable, others, values, training=False)[0], labels
        )

    return np.asarray(jax.grad(total)(inputs), np.float32)


def _with_torch(model: Any, inputs: Floats, labels: Sequence[int]) -> Floats:
    import keras
    import torch

    with torch.enable_grad():
        watched = keras.ops.convert_to_tensor(inputs).detach().requires_grad_()
        total = _sum_logits(model(watched, training=False), labels)
        (gradient,) = torch.autograd.grad(total, watched)
    return np.asarray(gradient.detach().cpu(), np.float32)
