"""A `.keras` file as a pretrained network: what its description says, read without Keras."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dl_magics.errors import BadSetting

SUFFIX = ".keras"
CONFIG_FILE = "config.json"
FROZEN = "frozen"
"""The layer of a model of dl_magics that is its pretrained network, with its preprocessing."""

_SIZE = 224
_LONGEST_DESCRIPTION = 2**25
_SCALING = ("Rescaling", "Normalization")
_PROBABILITIES = ("softmax", "sigmoid")
_SAVE_AGAIN = 'Save a Functional or Sequential model: model.save("my_model.keras")'


@dataclass(frozen=True, slots=True)
class OwnModel:
    """A model in a file: its features are the output of `last_layer`, or all that it returns.

    `size` is that of its images, `is_flexible` whether it takes others; `left_out` are its layers
    that come after the features.
    """

    path: str
    size: int
    is_flexible: bool
    last_layer: str
    left_out: tuple[str, ...]
    scales_pixels: bool

    pooling = "avg"

    @property
    def name(self) -> str:
        """The name of its file."""
        return Path(self.path).name

    @property
    def smallest(self) -> int:
        """The smallest image size that it takes."""
        return 16 if self.is_flexible else self.size

    def describe(self) -> str:
        """Return what is assumed about it, in one line."""
        scaled = (
            "which it scales itself"
            if self.scales_pixels
            else "which it does not scale: if it was trained on scaled pixels, put "
            "keras.layers.Rescaling(1 / 255) in front"
        )
        left_out = (
            f"; left out are its last layers: {', '.join(self.left_out)}" if self.left_out else ""
        )
        return f"{self.name} gets RGB pixels from 0 to 255, {scaled}{left_out}."


def is_own_model(name: str) -> bool:
    """Return whether a `model` names a file."""
    return name.endswith(SUFFIX)


def read_own_model(name: str) -> OwnModel:
    """Return what the description in a `.keras` file says.

    Raises BadSetting where there is no such file, or its model does not take one RGB image.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise BadSetting(
            f"model = {name!r}: there is no such file.",
            fix='Save the model first: my_model.save("my_model.keras") · or name a model of the '
            "notebook: model = my_model",
        )
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(CONFIG_FILE)
            if member.file_size > _LONGEST_DESCRIPTION:
                raise ValueError(f"{CONFIG_FILE} is longer than {_LONGEST_DESCRIPTION:,} bytes")
            described = json.loads(archive.read(member))
        return _read_description(str(path.absolute()), described)
    except (zipfile.BadZipFile, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadSetting(
            f"model = {name!r} is not a model that Keras 3 saved: {error}", fix=_SAVE_AGAIN
        ) from error


def _read_description(path: str, described: dict[str, Any]) -> OwnModel:
    kind = described["class_name"]
    if kind not in ("Functional", "Sequential"):
        raise BadSetting(
            f"model = {path!r} is a {kind}, whose layers are not known.", fix=_SAVE_AGAIN
        )
    layers = {layer["config"]["name"]: layer for layer in described["config"]["layers"]}
    sources = {name: list(_list_sources(layer)) for name, layer in layers.items()}
    inputs = [name for name, layer in layers.items() if layer["class_name"] == "InputLayer"]
    names = list(layers)
    if kind == "Sequential":
        sources = {name: names[max(at - 1, 0) : at] for at, name in enumerate(names)}
        outputs = names[-1:]
    else:
        outputs = _list_names(described["config"]["output_layers"])
    shape = layers[inputs[0]]["config"]["batch_shape"] if len(inputs) == 1 else None
    if shape is None or len(outputs) != 1 or not _takes_rgb(shape):
        raise BadSetting(
            f"model = {path!r} takes {shape or f'{len(inputs)} inputs'} and returns "
            f"{len(outputs)} outputs.",
            fix="It must take one image of shape (size, size, 3) and return one array.",
        )
    last, left_out = _find_features(layers, sources, outputs[0])
    return OwnModel(
        path,
        shape[1] or _SIZE,
        shape[1] is None,
        last,
        tuple(left_out),
        any(name in _SCALING for name in _list_classes(described)),
    )


def _find_features(
    layers: dict[str, Any], sources: dict[str, list[str]], last: str
) -> tuple[str, list[str]]:
    """Return the layer whose output is the features, and those after it: what classifies."""
    if FROZEN in layers:
        after = [name for name in layers if name not in (FROZEN, *sources[FROZEN])]
        return FROZEN, after
    left_out: list[str] = []
    is_classifier = False
    while len(sources[last]) == 1:
        kind, config = layers[last]["class_name"], layers[last]["config"]
        activates = kind == "Softmax" or (
            kind in ("Activation", "Dense") and config.get("activation") in _PROBABILITIES
        )
        if not (activates or (is_classifier and kind == "Dense")):
            break
        left_out.insert(0, last)
        is_classifier = True
        last = sources[last][0]
        if kind == "Dense":
            break
    return last, left_out


def _takes_rgb(shape: Any) -> bool:
    return len(shape) == 4 and shape[1] == shape[2] and shape[3] == 3


def _list_names(value: Any) -> list[str]:
    """Return the names of layers in `output_layers`: one [name, node, tensor], or several."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [value[0]]
    return [name for each in value for name in _list_names(each)]


def _list_sources(value: Any) -> Iterator[str]:
    """Yield the layers whose outputs a layer is called with."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]["keras_history"][0]
        else:
            for name, each in value.items():
                if name != "config":
                    yield from _list_sources(each)
    elif isinstance(value, list):
        for each in value:
            yield from _list_sources(each)


def _list_classes(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str):
            yield value["class_name"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _list_classes(each)
