"""The settings in force in a new process of this Keras, and the source of each.

Source: `keras/backend/__init__.py` of 1.2.2, `keras/backend/load_backend.py` of 2.3.1 and
`keras/src/backend/config.py` of 3.15.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dl_magics.keras_config.installed import Installed
from dl_magics.keras_config.keras_json import Found
from dl_magics.keras_config.options import FLOATS, FORMATS, NAMES, ORDERINGS

DEFAULTS = {
    "backend": "tensorflow",
    "image_data_format": "channels_last",
    "floatx": "float32",
    "epsilon": 1e-7,
}
VARIABLE = "KERAS_BACKEND"
FROM_VARIABLE = f"the variable {VARIABLE}"
DEFAULT, IMPORTED = "Keras' default", "already imported in this kernel"


@dataclass(frozen=True)
class Value:
    """A setting in force. `source` names a variable, a file, a default, or the running kernel."""

    name: str
    value: Any
    source: str


@dataclass(frozen=True)
class Effective:
    """The settings in force in an interpreter.

    `refusal` says why `import keras` fails, "" if it does not. `notes` are settings that Keras
    ignores.
    """

    values: tuple[Value, ...]
    refusal: str = ""
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Value:
        return next(each for each in self.values if each.name == name)


def resolve_settings(installed: Installed, file: Path, found: Found) -> Effective:
    """Return the settings in force in a new process of an interpreter."""
    values = [_value(name, installed, file, found) for name in NAMES]
    refused = found.refused or next(_refusals(installed, found), "")
    backend = str(values[0].value)
    if not refused and backend not in installed.known:
        refused = f"Keras {installed.keras} has no {backend} backend ({values[0].source})"
    elif not refused and installed.keras and backend not in installed.versions:
        refused = f"{backend} is not installed in {installed.python} ({values[0].source})"
    return Effective(tuple(values), refused, tuple(_notes(installed, file, found)))


def imported_settings(modules: Mapping[str, ModuleType]) -> dict[str, Any]:
    """Return {name: value} as the imported Keras reports them; {} if Keras is not imported."""
    backend = getattr(modules.get("keras"), "backend", None)
    getters: dict[str, Callable[[], Any] | None] = {
        name: getattr(backend, name, None) for name in NAMES
    }
    values = {name: get() for name, get in getters.items() if callable(get)}
    ordering = getattr(backend, "image_dim_ordering", None)
    if "image_data_format" not in values and callable(ordering):
        values["image_data_format"] = FORMATS[ordering()]
    return values


def apply_imported(fresh: Effective, imported: Mapping[str, Any]) -> Effective:
    """Return the settings in force in this kernel: those of the imported Keras win."""
    values = (
        Value(each.name, imported.get(each.name, each.value), IMPORTED) for each in fresh.values
    )
    return Effective(tuple(values), "", fresh.notes) if imported else fresh


def _value(name: str, installed: Installed, file: Path, found: Found) -> Value:
    if name == "backend":
        if installed.known == ("tensorflow",):
            return Value(name, "tensorflow", f"the only backend of Keras {installed.keras}")
        variable = os.environ.get(VARIABLE)
        if variable or (variable is not None and installed.major == 1):
            return Value(name, variable, FROM_VARIABLE)
    key = _key(name, installed.major)
    values = {} if found.damaged else found.values
    if key not in values:
        return Value(name, DEFAULTS[name], DEFAULT)
    value = values[key]
    if key == "image_dim_ordering":
        value = FORMATS.get(value, value) if isinstance(value, str) else value
    return Value(name, value, str(file) if key == name else f"{file} ({key})")


def _key(name: str, major: int) -> str:
    return "image_dim_ordering" if (name, major) == ("image_data_format", 1) else name


def _refusals(installed: Installed, found: Found) -> Iterator[str]:
    """Yield the values in keras.json at which `import keras` fails."""
    if found.damaged:
        if installed.major == 1:
            yield f"Keras {installed.keras} stops at keras.json: {found.damaged}"
        return
    old = installed.major == 1
    possible: dict[str, tuple[Any, ...]] = {
        "floatx": FLOATS,
        _key("image_data_format", installed.major): tuple(ORDERINGS.values() if old else ORDERINGS),
    }
    if old:
        possible["backend"] = installed.known
    for key, values in possible.items():
        if key in found.values and found.values[key] not in values:
            yield f"Keras {installed.keras} refuses {key} = {found.values[key]!r} in keras.json"
    epsilon = found.values.get("epsilon", 1e-7)
    if not isinstance(epsilon, float):
        yield f"Keras {installed.keras} refuses epsilon = {epsilon!r}: it must be a float"


def _notes(installed: Installed, file: Path, found: Found) -> Iterator[str]:
    if found.damaged and installed.major > 1:
        yield f"Keras silently ignores {file}: {found.damaged}."
    if not (installed.keras and found.values):
        return
    read = _key("image_data_format", installed.major)
    other = "image_data_format" if installed.major == 1 else "image_dim_ordering"
    if other in found.values and read not in found.values:
        yield f"Keras {installed.keras} silently ignores {other}: it reads {read}."
