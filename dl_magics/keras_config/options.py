"""The names and values of Keras' settings that a user may type, as Keras 3 writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dl_magics.errors import BadSetting

NAMES = ("backend", "image_data_format", "floatx", "epsilon")
BACKENDS = {
    "tf": "tensorflow",
    "tensorflow": "tensorflow",
    "jax": "jax",
    "torch": "torch",
    "pytorch": "torch",
    "theano": "theano",
    "th": "theano",
}
# The image orderings of Keras 2 and 3, and of Keras 1.
ORDERINGS = {"channels_first": "th", "channels_last": "tf"}
FORMATS = {word: name for name, word in ORDERINGS.items()}
FLOATS = ("float16", "float32", "float64")


def parse_options(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with the values of Keras 3: `tf` becomes `tensorflow`.

    Raises
    ------
    BadSetting
        if no version of Keras supports a value.
    """
    checks = {
        "backend": lambda value: _one_of("backend", value, BACKENDS),
        "image_data_format": lambda value: _one_of(
            "image_data_format", value, {**FORMATS, **{name: name for name in ORDERINGS}}
        ),
        "floatx": lambda value: _one_of("floatx", value, {name: name for name in FLOATS}),
        "epsilon": _epsilon,
    }
    return {name: checks[name](value) for name, value in asked.items()}


def _one_of(name: str, value: Any, words: Mapping[str, str]) -> str:
    found = words.get(str(value).lower())
    if found is None:
        raise BadSetting(
            f"{name} must be a value that Keras supports, got {_quoted(value)}.",
            fix=f"Use one of: {', '.join(words)}",
        )
    return found


def _epsilon(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not (math.isfinite(number) and number > 0):
        raise BadSetting(
            f"epsilon must be a small positive number, got {_quoted(value)}.",
            fix="The default of Keras is 1e-7.",
        )
    return number


def _quoted(value: Any) -> str:
    return repr(value)[:60]
