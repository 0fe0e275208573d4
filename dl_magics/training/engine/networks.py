"""The frozen part, from pixels to features, and the model that it becomes with a head."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dl_magics.store import atomic
from dl_magics.training.backbones import load
from dl_magics.training.backbones.backbone import Backbone
from dl_magics.training.engine.convolution import replacement
from dl_magics.training.engine.heads.network import join_probabilities, strip_training
from dl_magics.training.engine.keras_context import default_keras_config, seeded_generators
from dl_magics.training.model_archive import CLASSES_FILE
from dl_magics.training.recipe import pretrained
from dl_magics.training.recipe.applications import Application
from dl_magics.training.recipe.own_model import OwnModel, is_own_model
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.weights.graph import graph_sha256


@dataclass(frozen=True, eq=False)
class Frozen:
    """A pretrained network that is not trained: raw RGB pixels (n, size, size, 3) to features.

    `plain` computes in float32 and is part of the saved model; `fast` has the same weights and
    computes in the requested precision, `winograd` of its layers by Winograd's algorithm.
    `backbone` is what is inside `plain`, `half` what is inside `fast`. `sha256` is the digest of
    its graph and its weights.
    """

    plain: Any
    fast: Any
    sha256: str
    backbone: Backbone
    half: Backbone
    winograd: int = 0

    @property
    def base(self) -> Any:
        """The network in `plain` without its preprocessing."""
        return self.backbone.network

    @property
    def preprocessing(self) -> str:
        """What is done to pixels before the network, and what of its output is left out."""
        return f"{self.backbone.scaling} {self.backbone.prefix}"

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
        return max(_count_values(layer) for layer in _layers(self.plain))


def find_base(network: Any) -> Any:
    """Return the network in one that `Backbone.add_ends` returned."""
    return next(layer for layer in network.layers if hasattr(layer, "layers"))


def _layers(model: Any) -> Iterator[Any]:
    import keras

    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)


def _count_values(layer: Any) -> int:
    """Return the number of values that a layer computes for one image."""
    import keras

    most = 0
    for output in keras.tree.flatten(layer.output):
        shape = [size or 1 for size in output.shape[1:]]
        count = math.prod(shape)
        if len(shape) == 2:
            # Tokens: the layers inside a block are four times as wide, and each of its heads, of 64
            # values, compares each token with all others.
            count = max(4 * count, shape[0] * count // 64)
        most = max(most, count)
    return most


def build_frozen(recipe: Recipe, precision: str, folder: Path, winograd: bool = False) -> Frozen:
    """Return the frozen part of a recipe; the last one is cached for the next run.

    With `winograd`, large convolutions in float32 are computed by Winograd's algorithm.
    """
    path, changed = recipe.weights, 0.0
    if is_own_model(recipe.model):
        changed = _changed_at(Path(recipe.model).expanduser())
    elif path not in (None, "imagenet"):
        file = Path(path).expanduser().absolute()
        path, changed = str(file), _changed_at(file)
    seed = recipe.seed if path is None else 0
    # Only ImageNet's weights are stored there: other networks are the same for every folder.
    stored = folder if path == "imagenet" else Path()
    size, pooling = recipe.image_size, recipe.pooling
    return _frozen(recipe.model, size, pooling, path, changed, seed, precision, stored, winograd)


def _changed_at(file: Path) -> float:
    return file.stat().st_mtime if file.is_file() else 0.0


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
    winograd: bool,
) -> Frozen:
    asked = pretrained.find_pretrained(model)
    with default_keras_config("float32"), seeded_generators(seed):
        backbone = load.load_backbone(asked, size, path, folder)
        plain = backbone.add_ends(size, pooling)
    half, fast, replaced = backbone, plain, 0
    # The layers of a model of one's own keep the precision in which it was saved.
    if precision != "float32" and not isinstance(asked, OwnModel):
        with default_keras_config(precision), seeded_generators(seed):
            half = load.copy_backbone(asked, backbone, size)
            fast = half.add_ends(size, pooling)
    elif winograd and isinstance(asked, Application):
        with default_keras_config("float32"), seeded_generators(seed):
            network, replaced = replacement.replace_convolutions(backbone.network)
            if replaced:
                half = replace(backbone, network=network)
                fast = half.add_ends(size, pooling)
    digest = hashlib.sha256(graph_sha256(backbone.network).encode())
    for values in backbone.network.get_weights():
        digest.update(np.ascontiguousarray(values).data)
    return Frozen(plain, fast, digest.hexdigest(), backbone, half, replaced)


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
