"""The classes that a model of dl_magics consists of: any other in its file is refused.

The engine writes networks of `keras.applications`, backbones of KerasHub, and a head;
`head(features)` of a cell may use each layer and operation that computes with numbers only. Left
out is what holds code, calls a function that is named in the file, or reads another file: Lambda,
TFSMLayer, JaxLayer, TorchModuleWrapper, StringLookup, TextVectorization, ops.cond, ops.map,
ops.vectorize and the like.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Any

from dl_magics.training.recipe.hub_presets import ARCHITECTURES

KERAS_1 = "keras 1"
"""Stands for the modules of Keras 1: what `training/theano/keras1` writes."""


_HUB_MODELS = "keras_hub.src.models."


@cache
def allowed_classes(module: str | None) -> frozenset[str]:
    """Return the classes of a module of Keras; those of None are values in the call of a layer."""
    text = files("dl_magics.training").joinpath("model_classes.csv").read_text("ascii")
    names = {row["module"]: row["classes"] for row in csv.DictReader(text.splitlines())}
    hub = {f"{_HUB_MODELS}{each.module}": each.backbone for each in ARCHITECTURES.values()}
    return frozenset({**names, **hub}.get(module or "", "").split())


def registered_name(module: Any, name: Any) -> str:
    """Return the name by which Keras finds a class of KerasHub, else an empty string."""
    is_hub = isinstance(module, str) and module.startswith(_HUB_MODELS)
    return f"keras_hub>{name}" if is_hub else ""
