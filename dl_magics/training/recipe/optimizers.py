"""The setting `optimizer`: a name of Keras, or its configuration as Keras writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The names of keras.optimizers in lower case, with those of their classes. Left out is what wraps
# other optimizers, or needs other weights for evaluation than for training.
_CLASSES = {
    name.lower(): name
    for name in (
        "Adadelta",
        "Adafactor",
        "Adagrad",
        "Adam",
        "Adamax",
        "AdamW",
        "Ftrl",
        "Lion",
        "Muon",
        "Nadam",
        "RMSprop",
        "SGD",
    )
}
NAMES = tuple(_CLASSES)

# Settings of their own.
_SETTINGS = ("learning_rate", "weight_decay")
# It keeps averages of the weights that only `fit` copies into the model.
_NOT_SUPPORTED = ("use_ema",)

Optimizer = str | Mapping[str, Any]


def optimizer(value: Any) -> Optimizer:
    """A name of an optimizer of Keras, or {"class_name": name, "config": its arguments}."""
    named = value.get("class_name") if isinstance(value, Mapping) else value
    name = named.lower() if isinstance(named, str) else ""
    config = value.get("config", {}) if isinstance(value, Mapping) else {}
    if name not in _CLASSES or not _is_config(config):
        raise ValueError(
            f"{', '.join(NAMES)}, or the same with arguments: "
            '{"class_name": "sgd", "config": {"momentum": 0.9}}'
        )
    arguments = {key: each for key, each in config.items() if key != "name" and each is not None}
    return {"class_name": name, "config": arguments} if arguments else name


def split_optimizer(value: Optimizer) -> tuple[str, dict[str, Any]]:
    """Return the name of the class in keras.optimizers, and its arguments."""
    if isinstance(value, str):
        return _CLASSES[value], {}
    return _CLASSES[value["class_name"]], dict(value["config"])


def move_settings(value: Optimizer) -> tuple[Optimizer, dict[str, Any]]:
    """Return an optimizer without the arguments that are settings of their own, and those."""
    if isinstance(value, str):
        return value, {}
    config = dict(value["config"])
    moved = {name: config.pop(name) for name in _SETTINGS if name in config}
    return optimizer({**value, "config": config}), moved


def _is_config(config: Any) -> bool:
    return isinstance(config, Mapping) and all(
        isinstance(key, str)
        and (each is None or isinstance(each, (bool, int, float, str)) or key in _SETTINGS)
        and not (key in _NOT_SUPPORTED and each)
        for key, each in config.items()
    )
