"""The frozen part, from pixels to features, and the model that it becomes with a head."""

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

from dl_magics.store import atomic
from dl_magics.training.engine.heads.network import join_probabilities, strip_training
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
    def base(self) -> Any:
        """The network of `keras.applications` in `plain`."""
        return find_base(self.plain)

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


def find_base(network: Any) -> Any:
    """Return the network of `keras.applications` in one that `add_ends` returned."""
    return next(layer for layer in network.layers if hasattr(layer, "layers"))


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
    # Only ImageNet's weights are stored there: other networks are the same for every folder.
    stored = folder if path == "imagenet" else Path()
    return _frozen(
        recipe.model, recipe.image_size, recipe.pooling, path, changed, seed, precision, stored
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
        plain = add_ends(base, pretrained.preprocessing, size, pooling)
    fast = plain
    if precision != "float32":
        with default_keras_config(precision), seeded_generators(seed):
            half = weights.load_base(pretrained, size, None, folder)
            half.set_weights(base.get_weights())
            fast = add_ends(half, pretrained.preprocessing, size, pooling)
    digest = hashlib.sha256(graph_sha256(base).encode())
    for values in base.get_weights():
        digest.update(np.ascontiguousarray(values).data)
    return Frozen(plain, fast, digest.hexdigest())


def add_ends(base: Any, preprocessing: Preprocessing, size: int, pooling: str | None) -> Any:
    """Return a network from raw RGB pixels to features: `base` behind its preprocessing."""
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
    features = pool_map(base(prepared, training=False), pooling)
    return keras.Model(pixels, features, name="frozen", trainable=False)


def pool_map(features: Any, pooling: str | None) -> Any:
    """Return the features of a feature map, in float32."""
    import keras

    # Means in half precision lose digits: always pool in float32.
    if pooling == "avg":
        return keras.layers.GlobalAveragePooling2D(dtype="float32", name="pool")(features)
    if pooling == "max":
        return keras.layers.GlobalMaxPooling2D(dtype="float32", name="pool")(features)
    return keras.layers.Activation("linear", dtype="float32", name="map")(features)


def join_model(network: Frozen, trained_head: Any) -> Any:
    """Return one model from raw RGB pixels, 0 to 255, to class probabilities."""
    import keras

    with default_keras_config("float32"):
        pixels = keras.Input(network.plain.input_shape[1:], name="pixels")
        logits = strip_training(trained_head)(network.plain(pixels, training=False))
        return keras.Model(pixels, join_probabilities(logits))


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
