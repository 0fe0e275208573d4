"""What a backend really computes on, asked in a process of its own; files and flags only wish."""

from __future__ import annotations

import sys
from typing import Any

from dl_magics.keras_config import (
    cuda_visible_devices,
    effective,
    import_check,
    keras_json,
    subprocess_probe,
    theanorc,
)
from dl_magics.keras_config.installed import Installed

# Theano goes on with the CPU where it cannot have the GPU, and still says cuda.
_ASK = {
    "theano": """
import theano
from theano import gpuarray
used = theano.config.device
wish = used.startswith(("cuda", "opencl"))
say(used if not wish or gpuarray.pygpu_activated else "cpu")
""",
    "tensorflow": """
import tensorflow as tf
found = tf.config.list_physical_devices("GPU")
told = [tf.config.experimental.get_device_details(each) for each in found]
say(", ".join(each.get("device_name", "GPU") for each in told) or "cpu")
""",
    "jax": """
import jax
say("cpu" if jax.default_backend() == "cpu" else jax.devices()[0].device_kind)
""",
    "torch": """
import torch
say(torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu")
""",
}


def configured_device(backend: str, theano: str, folder: str) -> tuple[str, str]:
    """Return what a backend is told to use in a fresh process, and who says so."""
    return (
        theanorc.configured_device(theano)
        if backend == "theano"
        else cuda_visible_devices.describe_selection(folder)
    )


def inspect_device(installed: Installed, folder: str) -> dict[str, Any]:
    """Return what the backend is told to use, by whom, and what it uses, as plain values."""
    file = keras_json.find_path(installed.major)
    backend = effective.resolve_settings(installed, file, keras_json.read_file(file))[
        "backend"
    ].value
    cuda_visible_devices.apply_selection(folder)
    wish, by = configured_device(str(backend), installed.versions.get("theano", ""), folder)
    used, trouble = device_in_use(sys.executable, str(backend))
    return {"backend": backend, "told": wish, "by": by, "used": used, "trouble": trouble}


def device_in_use(python: str, backend: str) -> tuple[str, str]:
    """Return what a backend computes on, or "" and why it cannot start.

    The kernel's own backend is asked where it is imported already, else a fresh process.
    """
    if backend not in _ASK:
        return "", f"{backend} cannot be asked"
    if not import_check.is_imported(python, backend):
        return subprocess_probe.run_probe(python, _ASK[backend])
    said: list[str] = []
    exec(_ASK[backend], {"say": said.append})
    return said[0], ""
