"""Import Keras as `%%finetune` does, and list the GPUs that its backend finds."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

_LONGEST_ERROR = 400


def list_gpus() -> dict[str, Any]:
    """Return {"keras": version, "backend": name, "gpus": [name, …]}, or "error" with the reason.

    After an error, the result also has what was found before it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    found: dict[str, Any] = {}
    try:
        keras = import_module("keras")
        found["keras"] = keras.__version__
        found["backend"] = keras.backend.backend()
        found["gpus"] = _gpus_of(found["backend"])
    except Exception as error:
        found["error"] = f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
    return found


def _gpus_of(backend: str) -> list[str]:
    if backend == "torch":
        cuda = import_module("torch").cuda
        return [cuda.get_device_name(n) for n in range(cuda.device_count())]
    if backend == "jax":
        found = import_module("jax").devices()
        return [each.device_kind for each in found if each.platform in ("gpu", "cuda")]
    return [each.name for each in import_module("tensorflow").config.list_physical_devices("GPU")]
