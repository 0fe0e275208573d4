"""The head of a recipe as plain Keras code: its part of the script of `%%finetune --explain`."""

from __future__ import annotations

import textwrap

from dl_magics.training.engine.heads import schedule
from dl_magics.training.engine.heads.network import count_heads
from dl_magics.training.recipe import optimizers
from dl_magics.training.recipe.recipe import Recipe

_SEVERAL = """\
# Several heads: their losses are added, their probabilities averaged.
def make_head():
    x = inputs = keras.Input(normalize.output.shape[1:])
{hidden}
    return keras.Model(inputs, keras.layers.Dense(len(classes))(x))

logits = [make_head()(x) for _ in range({count})]"""

_PREPARE = """\
import tensorflow as tf

def prepare(images, labels):
    y = {labels}
    return {returned}

"""

_SCHEDULE = """\
# The learning rate rises, then falls along a cosine.
steps = {epochs} * len(train)
warm_up = max(1, round({warm_up} * steps))
rate = keras.optimizers.schedules.CosineDecay(
    {first:g}, max(1, steps - warm_up), alpha={last}, warmup_target={rate!r}, warmup_steps=warm_up
)
"""

_WEIGH = """\
counts = np.bincount(train_y)
weight = len(train_y) / (len(classes) * counts)
"""


def write_head(recipe: Recipe) -> dict[str, str]:
    """Return the parts of the script by name: the head, what it minimizes, what it is given."""
    count = count_heads(recipe)
    each, weights = "", ""
    smooth = bool(recipe.label_smoothing)
    loss = "keras.losses.SparseCategoricalCrossentropy(from_logits=True)"
    labels = ""
    if smooth:
        loss = (
            "keras.losses.CategoricalCrossentropy("
            f"from_logits=True, label_smoothing={recipe.label_smoothing!r})"
        )
        labels = "".join(
            f"{part}_y = keras.utils.to_categorical({part}_y, len(classes))\n"
            for part in ("train", "valid")
        )
    if recipe.class_weight is not None:
        weights = _write_weights(recipe)
        each = f"[{{}}] * {count}" if count > 1 else "{}"
    hidden = _write_hidden(recipe)
    return {
        "head": _SEVERAL.format(hidden=textwrap.indent(hidden, "    "), count=count)
        if count > 1
        else f"{hidden}\nlogits = keras.layers.Dense(len(classes))(x)",
        "optimizer": _write_optimizer(recipe, repr(recipe.learning_rate)),
        "loss": loss,
        "metrics": f'[["accuracy"]] * {count}' if count > 1 else '["accuracy"]',
        "weights": weights,
        "labels": labels,
        "train_y": f"[train_y] * {count}" if count > 1 else "train_y",
        "valid_y": f"[valid_y] * {count}" if count > 1 else "valid_y",
        "train_weights": f", sample_weight={each.format('train_weight')}" if each else "",
        "valid_weights": f", {each.format('valid_weight')}" if each else "",
        "probabilities": "keras.layers.Average()("
        "[keras.layers.Softmax()(each) for each in head(frozen(pixels))])"
        if count > 1
        else "keras.layers.Softmax()(head(frozen(pixels)))",
    }


def write_fine_tuning(recipe: Recipe) -> dict[str, str]:
    """Return the parts of the script that train the last layers of the network with the head."""
    parts, count = write_head(recipe), count_heads(recipe)
    written = {
        "schedule": _SCHEDULE.format(
            epochs=recipe.unfreeze_epochs,
            warm_up=schedule.WARM_UP,
            rate=recipe.fine_rate,
            first=schedule.START * recipe.fine_rate,
            last=schedule.END,
        ),
        "fine_optimizer": _write_optimizer(recipe, "rate"),
        "loss": parts["loss"],
        "metrics": parts["metrics"],
    }
    is_weighted = recipe.class_weight is not None
    if count == 1 and not is_weighted and not recipe.label_smoothing:
        return {**written, "prepare": "", "train": "train", "valid": "valid"}
    returned = ["images", _repeat("y", count)]
    if is_weighted:
        returned.append(_repeat("tf.gather(tf.cast(weight, tf.float32), labels)", count))
    labels = "tf.one_hot(labels, len(classes))" if recipe.label_smoothing else "labels"
    prepare = _PREPARE.format(labels=labels, returned=", ".join(returned))
    return {
        **written,
        "prepare": prepare,
        "train": "train.map(prepare)",
        "valid": "valid.map(prepare)",
    }


def _repeat(value: str, count: int) -> str:
    return f"({value},) * {count}" if count > 1 else value


def _write_hidden(recipe: Recipe) -> str:
    if recipe.head:
        return f"layers, ops = keras.layers, keras.ops\n{recipe.head}\nx = head(x)"
    lines = [] if recipe.pooling else ["x = keras.layers.Flatten()(x)"]
    lines += [f'x = keras.layers.Dense({size}, activation="relu")(x)' for size in recipe.dense]
    lines += [f"x = keras.layers.Dropout({recipe.dropout})(x)"] if recipe.dropout else []
    return "\n".join(lines)


def _write_optimizer(recipe: Recipe, rate: str) -> str:
    name, config = optimizers.split_optimizer(recipe.optimizer)
    if recipe.weight_decay is not None:
        config["weight_decay"] = recipe.weight_decay
    arguments = [rate, *(f"{key}={each!r}" for key, each in config.items())]
    return f"keras.optimizers.{name}({', '.join(arguments)})"


def _write_weights(recipe: Recipe) -> str:
    if recipe.class_weight == "balanced":
        by_class = _WEIGH
    else:
        by_class = (
            f"wanted = {recipe.class_weight!r}\n"
            "weight = np.array([wanted.get(name, 1.0) for name in classes])\n"
        )
    return f"{by_class}train_weight, valid_weight = weight[train_y], weight[valid_y]\n"
