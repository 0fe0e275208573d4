"""Which device a backend is configured to use, and which it uses.

The device in use is found by starting the backend: Theano falls back to the CPU without an error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
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

# Several GPUs are separated by semicolons. If the GPU is not available, Theano uses the CPU but
# `config.device` is still cuda.
_PROBES = {
    "theano": """
import theano
from theano import gpuarray
device = theano.config.device
on_gpu = device.startswith(("cuda", "opencl"))
say(device if not on_gpu or gpuarray.pygpu_activated else "cpu")
""",
    "tensorflow": """
import tensorflow as tf
found = tf.config.list_physical_devices("GPU")
details = [tf.config.experimental.get_device_details(each) for each in found]
say("; ".join(each.get("device_name", "GPU") for each in details) or "cpu")
""",
    "jax": """
import jax
on_cpu = jax.default_backend() == "cpu"
say("cpu" if on_cpu else "; ".join(each.device_kind for each in jax.local_devices()))
""",
    "torch": """
import torch
count = torch.cuda.device_count()
others = f", the other {count - 1} idle: Keras uses one GPU with PyTorch" if count > 1 else ""
say(torch.cuda.get_device_name() + others if torch.cuda.is_available() else "cpu")
""",
}


def configured_device(backend: str, theano: str, folder: str) -> tuple[str, str]:
    """Return the device a backend is configured to use in a new process, and the source of that."""
    return (
        theanorc.configured_device(theano)
        if backend == "theano"
        else cuda_visible_devices.describe_selection(folder)
    )


def inspect_device(installed: Installed, folder: str) -> dict[str, Any]:
    """Return the fields of `DeviceView`: the configured device, its source, and the one in use.

    "in_use" is "" if the backend does not start; "error" has the reason.
    """
    file = keras_json.find_path(installed.major)
    backend = effective.resolve_settings(installed, file, keras_json.read_file(file))[
        "backend"
    ].value
    cuda_visible_devices.apply_selection(folder)
    configured, source = configured_device(
        str(backend), installed.versions.get("theano", ""), folder
    )
    in_use, error = device_in_use(sys.executable, str(backend))
    return {
        "backend": backend,
        "configured": configured,
        "source": source,
        "in_use": in_use,
        "error": error,
    }


def device_in_use(python: str, backend: str) -> tuple[str, str]:
    """Return the device a backend computes on, or "" and the error at which it stops.

    A backend that this process has imported is asked directly, any other in a new process.
    """
    if backend not in _PROBES:
        return "", f"the device of the {backend} backend cannot be determined"
    if not import_check.is_imported(python, backend):
        found, error = subprocess_probe.run_probe(python, _PROBES[backend])
        return count_alike(found.split("; ")), error
    output: list[str] = []
    exec(_PROBES[backend], {"say": output.append})
    return count_alike(output[0].split("; ")), ""


def count_alike(names: Sequence[str]) -> str:
    """Return names with how often each occurs: `4 × Tesla T4, NVIDIA A10G`."""
    counts = {name: names.count(name) for name in names}
    return ", ".join(f"{n} × {name}" if n > 1 else name for name, n in counts.items())
