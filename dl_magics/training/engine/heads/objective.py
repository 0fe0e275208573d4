"""What a head minimizes and by which optimizer, and the metrics of its batches.

Several heads minimize the sum of their losses: the gradient of each is that of its own loss, so
they train as they would one by one. The reported loss is the cross-entropy of the averaged
probabilities, without label smoothing: it can be compared between runs of any settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.training.recipe import optimizers
from dl_magics.training.recipe.recipe import Recipe

CROSS_ENTROPY = "cross_entropy"
"""The metric that is reported as loss."""


def compile_head(head: Any, recipe: Recipe, rate: Any = None) -> None:
    """Compile a head, or a network that ends with one; its variables are built.

    `rate` is the learning rate, or a schedule of Keras, if it is not that of the head.

    Raises
    ------
    BadSetting
        where Keras does not accept the configuration of the optimizer.
    """
    import keras

    head.compile(
        optimizer=build_optimizer(recipe, rate),
        loss=make_loss(recipe.label_smoothing),
        metrics=[accuracy],
        weighted_metrics=[cross_entropy],
        # JAX computes a step operation by operation without it: 7 times as slow on an H200.
        jit_compile=keras.config.backend() == "jax",
    )
    # TensorFlow traces the training step once more if its first call creates variables.
    head.optimizer.build(head.trainable_variables)
    # (On several devices, `data_parallel` creates those of the metrics.)
    if (
        keras.config.backend() == "tensorflow"
        and head.distribute_strategy.num_replicas_in_sync == 1
    ):
        logits = keras.ops.zeros((1, *head.output.shape[1:]))
        head.compute_metrics(None, keras.ops.zeros(1, "int64"), logits)
        head.train_function = _trace_for_any_size(head)


def _trace_for_any_size(head: Any) -> Callable[[Iterator[Any]], Any]:
    """Return what trains a head on a batch with TensorFlow, in place of Keras' own.

    Keras lets TensorFlow trace the training step for the size of the first batch, and for any size
    when the last batch of an epoch is smaller, which takes a second for five heads.
    """
    import tensorflow as tf

    step = tf.function(lambda *batch: head.train_step(batch), autograph=False)

    def train(batches: Iterator[Any]) -> Any:
        batch = next(batches)
        if not step.experimental_get_tracing_count():
            step.get_concrete_function(
                *(
                    None if each is None else tf.TensorSpec((None, *each.shape[1:]), each.dtype)
                    for each in batch
                )
            )
        return step(*batch)

    return train


def build_optimizer(recipe: Recipe, rate: Any = None) -> Any:
    """Return a new optimizer; raises BadSetting where Keras does not accept its configuration."""
    import keras

    name, config = optimizers.split_optimizer(recipe.optimizer)
    if recipe.weight_decay is not None:
        config["weight_decay"] = recipe.weight_decay
    try:
        return getattr(keras.optimizers, name)(
            learning_rate=recipe.learning_rate if rate is None else rate, **config
        )
    except (AttributeError, TypeError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise BadSetting(
            f"Keras {keras.version()} cannot build optimizer = {recipe.optimizer!r}: {first}",
            fix=f"Its arguments: https://keras.io/api/optimizers/{name.lower()}",
        ) from error


def cross_entropy(labels: Any, logits: Any) -> Any:
    """Return the cross-entropy of the averaged probabilities, one value an image."""
    from keras import ops

    each = _cross_entropies(labels, logits)
    heads = each.shape[1]
    return ops.log(float(heads)) - ops.logsumexp(-each, axis=1)


def accuracy(labels: Any, logits: Any) -> Any:
    """Return 1 for each image whose class has the highest averaged probability, else 0."""
    from keras import ops

    if len(logits.shape) == 3:
        logits = ops.mean(ops.softmax(logits), axis=1)
    right = ops.argmax(logits, axis=-1) == ops.cast(ops.reshape(labels, (-1,)), "int32")
    return ops.cast(right, "float32")


def make_loss(smoothing: float) -> Callable[[Any, Any], Any]:
    """Return the sum of the losses of all heads, one value an image."""

    def loss(labels: Any, logits: Any) -> Any:
        from keras import ops

        each = _cross_entropies(labels, logits)
        if smoothing:
            uniform = -ops.mean(ops.log_softmax(_by_head(logits)), axis=-1)
            each = (1 - smoothing) * each + smoothing * uniform
        return ops.sum(each, axis=1)

    return loss


def _cross_entropies(labels: Any, logits: Any) -> Any:
    """Return the cross-entropy of each image and head, (images, heads)."""
    from keras import ops

    logits = _by_head(logits)
    repeated = ops.tile(ops.reshape(labels, (-1, 1)), (1, logits.shape[1]))
    return ops.sparse_categorical_crossentropy(repeated, logits, from_logits=True)


def _by_head(logits: Any) -> Any:
    from keras import ops

    return logits if len(logits.shape) == 3 else ops.expand_dims(logits, 1)
