"""The networks: a frozen part from pixels to features, a head, and the model that joins both."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import BadSetting
from dl_magics.store import atomic
from dl_magics.training.engine.keras_context import default_keras_config, seeded_generators
from dl_magics.training.recipe import applications
from dl_magics.training.recipe.applications import Preprocessing
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.weights import weights
from dl_magics.training.weights.graph import graph_sha256

CLASSES_FILE = "classes.json"

# What `preprocess_input` of keras.applications does, as scale and offset of raw RGB pixels.
# Source: keras/src/applications/imagenet_utils.py.
_MEAN = np.array([0.485, 0.456, 0.406])
_DEVIATION = np.array([0.229, 0.224, 0.225])
SCALES: dict[Preprocessing, tuple[Any, Any]] = {
    "caffe": (1.0, [-103.939, -116.779, -123.68]),
    "tf": (1 / 127.5, -1.0),
    "torch": (list(1 / (255 * _DEVIATION)), list(-_MEAN / _DEVIATION)),
}

# Fraction of the mean variance below which a feature counts as constant.
_DEAD = 1e-4


@dataclass(frozen=True, eq=False)
class Frozen:
    """A pretrained network that is not trained: raw RGB pixels (n, size, size, 3) to features.

    `plain` computes in float32 and is part of the saved model; `fast` has the same weights and
    computes in the requested precision. `sha256` is the digest of its graph and its weights.
    """

    plain: Any
    fast: Any
    sha256: str

    @property
    def features(self) -> tuple[int, ...]:
        """The shape of the features of one image."""
        return tuple(self.plain.output_shape[1:])

    @property
    def bytes(self) -> int:
        """The size of its weights in a file, in bytes."""
        return 4 * int(self.plain.count_params())

    @property
    def widest(self) -> int:
        """The number of values of the widest layer, for one image."""
        shapes = [layer.output.shape[1:] for layer in _layers(self.plain)]
        return max(int(math.prod(size or 1 for size in shape)) for shape in shapes)


def _layers(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from _layers(layer)


def build_frozen(recipe: Recipe, precision: str, folder: Path) -> Frozen:
    """Return the frozen part of a recipe; the last one is cached for the next run."""
    path, changed = recipe.weights, 0.0
    if path not in (None, "imagenet"):
        file = Path(path).expanduser().absolute()
        path, changed = str(file), file.stat().st_mtime if file.is_file() else 0.0
    seed = recipe.seed if path is None else 0
    return _frozen(
        recipe.model, recipe.image_size, recipe.pooling, path, changed, seed, precision, folder
    )


@lru_cache(maxsize=1)
def _frozen(
    model: str,
    size: int,
    pooling: str | None,
    path: str | None,
    _changed: float,
    seed: int,
    precision: str,
    folder: Path,
) -> Frozen:
    pretrained = applications.APPLICATIONS[model]
    with default_keras_config("float32"), seeded_generators(seed):
        base = weights.load_base(pretrained, size, path, folder)
        plain = _with_ends(base, pretrained.preprocessing, size, pooling)
    fast = plain
    if precision != "float32":
        with default_keras_config(precision), seeded_generators(seed):
            half = weights.load_base(pretrained, size, None, folder)
            half.set_weights(base.get_weights())
            fast = _with_ends(half, pretrained.preprocessing, size, pooling)
    digest = hashlib.sha256(graph_sha256(base).encode())
    for values in base.get_weights():
        digest.update(np.ascontiguousarray(values).data)
    return Frozen(plain, fast, digest.hexdigest())


def _with_ends(base: Any, preprocessing: Preprocessing, size: int, pooling: str | None) -> Any:
    import keras

    pixels = keras.Input((size, size, 3), name="pixels", dtype="float32")
    prepared = pixels
    if preprocessing != "none":
        if preprocessing == "caffe":
            prepared = keras.ops.flip(prepared, axis=-1)
        scale, offset = SCALES[preprocessing]
        prepared = keras.layers.Rescaling(scale, offset, dtype="float32", name="preprocess")(
            prepared
        )
    base.trainable = False
    features = base(prepared, training=False)
    # Means in half precision lose digits: always pool in float32.
    if pooling == "avg":
        features = keras.layers.GlobalAveragePooling2D(dtype="float32", name="pool")(features)
    elif pooling == "max":
        features = keras.layers.GlobalMaxPooling2D(dtype="float32", name="pool")(features)
    else:
        features = keras.layers.Activation("linear", dtype="float32", name="map")(features)
    return keras.Model(pixels, features, name="frozen", trainable=False)


def build_head(recipe: Recipe, features: NDArray[np.float32], classes: int) -> Any:
    """Return a new head from features to logits, which starts with a normalization of the features.

    Raises
    ------
    BadSetting
        where the cell's `head(features)` cannot be built.
    """
    import keras

    variance = features.var(tuple(range(features.ndim - 1)), dtype=np.float64)
    dead = variance <= _DEAD * variance.mean()
    with default_keras_config("float32"), seeded_generators(recipe.seed):
        inputs = keras.Input(features.shape[1:], name="features")
        hidden = keras.layers.Normalization(
            mean=features.mean(tuple(range(features.ndim - 1)), dtype=np.float64),
            variance=np.where(dead, max(float(variance.mean()), 1e-12), variance),
            name="normalize",
        )(inputs)
        hidden = _own_head(recipe, hidden) if recipe.head else _usual_head(recipe, hidden)
        logits = keras.layers.Dense(classes, name="logits")(hidden)
        try:
            built = keras.Model(inputs, logits, name="head")
        except ValueError as error:
            raise BadSetting(
                "head(features) returned a layer that does not come from features.",
                fix="Call the first layer on features: layers.Dense(64)(features)",
            ) from error
        built.compile(
            optimizer=keras.optimizers.Adam(recipe.learning_rate),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            # JAX computes a step operation by operation without it: 7 times as slow on an H200.
            jit_compile=keras.config.backend() == "jax",
        )
        # Built variables let TensorFlow trace the training step once instead of twice.
        built.optimizer.build(built.trainable_variables)
    return built


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


def join_model(network: Frozen, trained_head: Any) -> Any:
    """Return one model from raw RGB pixels, 0 to 255, to class probabilities."""
    import keras

    with default_keras_config("float32"):
        pixels = keras.Input(network.plain.input_shape[1:], name="pixels")
        logits = trained_head(network.plain(pixels, training=False))
        return keras.Model(pixels, keras.layers.Softmax(name="probabilities")(logits))


def save_model(model: Any, classes: Sequence[str], path: Path) -> str:
    """Write a model with its class names atomically; return the SHA-256 of the file.

    The names are the file `classes.json` in the archive, in the order of the model's output.
    """
    with atomic.replacing(path) as unfinished:
        model.save(unfinished, overwrite=True)
        with zipfile.ZipFile(unfinished, "a") as archive:
            archive.writestr(CLASSES_FILE, json.dumps(list(classes), ensure_ascii=False))
        with unfinished.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
