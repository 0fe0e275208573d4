"""Build the head of a recipe: one Keras model from features to logits, with all its heads."""

from __future__ import annotations

from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.training.engine.heads import objective
from dl_magics.training.engine.heads.examples import Values
from dl_magics.training.engine.heads.moments import Moments, measure_moments
from dl_magics.training.engine.keras_context import default_keras_config, seeded_generators
from dl_magics.training.recipe.recipe import Recipe

AUTO_HEADS = 5
"""How many heads `heads = "auto"` is: measured by benchmarks/heads.py."""

_SEEDS = 2**32


def count_heads(recipe: Recipe) -> int:
    """Return the number of heads of a recipe.

    "auto" is several where they are cheap and differ: with hidden layers, on pooled features. A
    `head(features)` of one's own is one head, unless `heads` says otherwise.
    """
    if isinstance(recipe.heads, int):
        return recipe.heads
    return AUTO_HEADS if recipe.dense and recipe.pooling and not recipe.head else 1


def build_head(recipe: Recipe, features: Values, classes: int) -> Any:
    """Return a new, compiled head, which starts with a normalization of the features.

    It maps features to logits, (images, classes), or those of several heads, (images, heads,
    classes). Each of several heads begins with its own seed.

    Raises
    ------
    BadSetting
        where the cell's `head(features)` or its optimizer cannot be built.
    """
    return join_head(recipe, measure_moments(features), features.shape[1:], classes)


def join_head(recipe: Recipe, moments: Moments, shape: tuple[int, ...], classes: int) -> Any:
    """Return a new, compiled head for features of a shape, with their mean and variance.

    Raises as `build_head` does.
    """
    import keras

    mean, variance = moments
    count = count_heads(recipe)
    with default_keras_config("float32"):
        inputs = keras.Input(shape, name="features")
        normalized = keras.layers.Normalization(
            mean=mean,
            variance=variance,
            name="normalize",
        )(inputs)
        if count == 1:
            with seeded_generators(recipe.seed):
                built = _join(inputs, _logits(recipe, normalized, classes), "head")
        else:
            logits = [
                _build_branch(recipe, normalized, classes, n)(normalized) for n in range(count)
            ]
            joined = keras.layers.Concatenate(name="join")(logits)
            stacked = keras.layers.Reshape((count, classes), name="logits")(joined)
            built = keras.Model(inputs, stacked, name="head")
        objective.compile_head(built, recipe)
    return built


def _build_branch(recipe: Recipe, normalized: Any, classes: int, n: int) -> Any:
    """Return head `n` of several: a model of its own, so that names of layers may be repeated."""
    import keras

    # PyTorch resets the gradients of variables by their paths, which must differ.
    with seeded_generators((recipe.seed + n) % _SEEDS), keras.name_scope(f"head_{n + 1}"):
        inputs = keras.Input(normalized.shape[1:], name="normalized")
        return _join(inputs, _logits(recipe, inputs, classes), f"head_{n + 1}")


def _logits(recipe: Recipe, normalized: Any, classes: int) -> Any:
    import keras

    hidden = _own_head(recipe, normalized) if recipe.head else _usual_head(recipe, normalized)
    return keras.layers.Dense(classes, name="logits")(hidden)


def _join(inputs: Any, logits: Any, name: str) -> Any:
    import keras

    try:
        return keras.Model(inputs, logits, name=name)
    except ValueError as error:
        raise BadSetting(
            "head(features) returned a layer that does not come from features.",
            fix="Call the first layer on features: layers.Dense(64)(features)",
        ) from error


def _usual_head(recipe: Recipe, hidden: Any) -> Any:
    import keras

    if recipe.pooling is None:
        hidden = keras.layers.Flatten()(hidden)
    for size in recipe.dense:
        hidden = keras.layers.Dense(size, activation="relu")(hidden)
    return keras.layers.Dropout(recipe.dropout)(hidden) if recipe.dropout else hidden


def _own_head(recipe: Recipe, hidden: Any) -> Any:
    import keras

    names = {"keras": keras, "layers": keras.layers, "ops": keras.ops, **recipe.head_names}
    try:
        exec(compile(recipe.head, "<head>", "exec"), names)
        made = names["head"](hidden)
    except Exception as error:
        # The user's function may raise anything; its error is reported.
        first = (str(error).splitlines() or [""])[0]
        raise BadSetting(
            f"head(features) failed: {type(error).__name__}: {first}",
            fix=f"It gets features of shape {(None, *hidden.shape[1:])} and returns the last "
            "hidden layer.",
        ) from error
    if not isinstance(made, keras.KerasTensor) or len(made.shape) != 2 or made.shape[1] is None:
        shape = getattr(made, "shape", None) or type(made).__name__
        raise BadSetting(
            f"head(features) returned {shape}.",
            fix="Return a flat layer, one row an image: keras.layers.Flatten()(x)",
        )
    return made


def strip_training(head: Any) -> Any:
    """Return a head of the same layers that is not compiled: what is saved."""
    import keras

    return keras.Model(head.inputs, head.outputs[0], name=head.name)


def join_probabilities(logits: Any) -> Any:
    """Return the probabilities of logits: of several heads, their mean."""
    import keras

    if len(logits.shape) == 2:
        return keras.layers.Softmax(name="probabilities")(logits)
    each = keras.layers.Softmax(name="probabilities_of_heads")(logits)
    return keras.layers.GlobalAveragePooling1D(data_format="channels_last", name="probabilities")(
        each
    )
