"""What a backend really computes on, asked in a process of its own; files and flags only wish."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from dl_magics.settings import effective, keras_json, theanorc
from dl_magics.settings.installed import Installed
from dl_magics.settings.keras_json import Change

VISIBLE = "CUDA_VISIBLE_DEVICES"
_SECONDS = 120
_MARK = "uses: "

# Theano goes on with the CPU where it cannot have the GPU, and still says cuda.
_ASK = {
    "theano": """
import theano
from theano import gpuarray
used = theano.config.device
wish = used.startswith(("cuda", "opencl"))
print("uses:", used if not wish or gpuarray.pygpu_activated else "cpu")
""",
    "tensorflow": """
import tensorflow as tf
found = tf.config.list_physical_devices("GPU")
told = [tf.config.experimental.get_device_details(each) for each in found]
print("uses:", ", ".join(each.get("device_name", "GPU") for each in told) or "cpu")
""",
    "jax": """
import jax
print("uses:", "cpu" if jax.default_backend() == "cpu" else jax.devices()[0].device_kind)
""",
    "torch": """
import torch
print("uses:", torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu")
""",
}


def show(installed: Installed) -> dict[str, Any]:
    """Return what the backend is told to use, by whom, and what it uses, as plain values."""
    file = keras_json.path(installed.major)
    backend = effective.of(installed, file, keras_json.read(file))["backend"].value
    if backend == "theano":
        told, by = theanorc.device(installed.versions.get("theano", ""))
    else:
        told, by = os.environ.get(VISIBLE, "all GPUs"), f"the variable {VISIBLE}"
        by = by if VISIBLE in os.environ else "the default"
    used, trouble = really(sys.executable, str(backend))
    return {"backend": backend, "told": told, "by": by, "used": used, "trouble": trouble}


def visible(device: str) -> str:
    """Return what stands for a device in the variable of visible GPUs; "" for all."""
    word = theanorc.spelled(device, "")
    return "-1" if word == "cpu" else word[len("cuda") :]


def let_see(gpus: str) -> Change:
    """Let what this process imports from now on see only some GPUs; "" lets it see all."""
    before = os.environ.get(VISIBLE)
    if gpus:
        os.environ[VISIBLE] = gpus
    else:
        os.environ.pop(VISIBLE, None)
    after = os.environ.get(VISIBLE)
    changed = {VISIBLE: (before, after)} if before != after else {}
    return Change("the variables of this kernel", changed)


def really(python: str, backend: str) -> tuple[str, str]:
    """Return what a backend computes on, or "" and why it cannot start.

    The kernel's own backend is asked where it is imported already, else a fresh process.
    """
    if backend not in _ASK:
        return "", f"{backend} cannot be asked"
    if backend in sys.modules and python == sys.executable:
        told: list[str] = []
        exec(_ASK[backend], {"print": lambda _mark, used: told.append(used)})
        return told[0], ""
    try:
        done = subprocess.run(
            [python, "-c", _ASK[backend]],
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    said = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if said:
        return said[-1][len(_MARK) :], ""
    wrote = [line for line in done.stderr.splitlines() if line.strip()]
    return "", wrote[-1].strip() if wrote else f"it ended with status {done.returncode}"
