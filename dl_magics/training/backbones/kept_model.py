"""Save a model of the notebook under a name that changes with its content."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from dl_magics.errors import BadSetting
from dl_magics.store import atomic
from dl_magics.training.recipe.own_model import SUFFIX

_DIGITS = 12
_NAME = re.compile(rf"[0-9a-f]{{{_DIGITS}}}-[^/\\]+{re.escape(SUFFIX)}")


def is_keras_model(value: Any) -> bool:
    """Return whether a value is a model of Keras, without importing Keras."""
    keras: Any = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)


def has_kept_name(path: Path) -> bool:
    """Return whether the name of a file is one that `keep_model` gives."""
    return bool(_NAME.fullmatch(path.name))


def name_kept(digest: str, stem: str) -> str:
    """Return the name of a file for a SHA-256 in hexadecimal digits."""
    return f"{digest[:_DIGITS]}-{stem}{SUFFIX}"


def keep_model(model: Any, name: str, folder: Path) -> Path:
    """Save a model in a folder, unless this very model is there; return its path.

    Raises BadSetting where Keras cannot save it.
    """
    try:
        digest = hashlib.sha256(model.to_json().encode())
        for values in model.get_weights():
            digest.update(np.ascontiguousarray(values).data)
        path = folder / name_kept(digest.hexdigest(), name)
        if not path.is_file():
            with atomic.replacing(path) as unfinished:
                model.save(unfinished, overwrite=True)
    except (ValueError, TypeError, NotImplementedError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BadSetting(
            f"model = {name}: Keras cannot save it: {reason:.200}",
            fix="Use a Functional or Sequential model.",
        ) from error
    return path
