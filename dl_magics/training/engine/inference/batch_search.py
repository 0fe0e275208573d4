"""Find the fastest batch size of a network on this GPU, once, and remember it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import suppress
from pathlib import Path

from dl_magics.runs.events import Warned
from dl_magics.store import atomic, private
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.inference import batch_trial
from dl_magics.training.recipe.recipe import Recipe

FILE_NAME = "batch_sizes.json"

# The trial takes up to a minute: less than it gains only where there is much to compute.
_LEAST_IMAGES = 50_000
_SIZES = (32, 64, 128, 256, 512, 1024)
_TIMEOUT_SECONDS = 60.0
_WORTH = 0.95


def find_batch_size(
    recipe: Recipe, device: Device, precision: str, images: int, folder: Path
) -> Generator[Warned, None, int | None]:
    """Return the batch size that computes these images fastest; None if it need not be known.

    It is measured in a process of its own, if `batch_size` is "auto", the device is a GPU and the
    images are many; the result is kept in `folder`. Call it before this process takes the memory of
    the GPU.
    """
    if recipe.batch_size != "auto" or device.kind != "gpu" or images < _LEAST_IMAGES:
        return None
    key = _describe(recipe, device, precision)
    known = _load(folder)
    if key not in known:
        yield Warned(
            code="finding_batch_size",
            text=f"The fastest batch size of {recipe.model_name} on {device.name} is being "
            "measured.",
            fix=f"This happens once and takes up to {_TIMEOUT_SECONDS:.0f} s. "
            "To go without: batch_size = 256",
        )
        speeds = _run_trial(recipe, precision)
        if not speeds:
            return None
        known[key] = choose_fastest(speeds)
        private.ensure_folder(folder)
        atomic.replace(folder / FILE_NAME, json.dumps(known, indent=1) + "\n")
    return known[key]


def choose_fastest(speeds: Mapping[int, float]) -> int:
    """Return the smallest batch size whose images/s are nearly those of the fastest."""
    most = max(speeds.values())
    return min(size for size, speed in speeds.items() if speed >= _WORTH * most)


def _run_trial(recipe: Recipe, precision: str) -> dict[int, float]:
    """Return the images/s of each size; what a trial measured before it failed counts."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # This process may hold memory of the GPU already.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    with subprocess.Popen(
        [sys.executable, "-m", batch_trial.__name__],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as trial:
        try:
            request = {"recipe": recipe.to_json(), "precision": precision, "sizes": _SIZES}
            output, _ = trial.communicate(json.dumps(request), _TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            trial.kill()
            output, _ = trial.communicate()
        except BaseException:
            trial.kill()
            raise
    speeds: dict[int, float] = {}
    for line in output.splitlines():
        with suppress(ValueError, TypeError):
            size, speed = json.loads(line)
            speeds[int(size)] = float(speed)
    return speeds


def _describe(recipe: Recipe, device: Device, precision: str) -> str:
    import keras

    # Another program may use a part of the memory for a while.
    gib = 2 ** max(device.memory.bit_length() - 31, 0)
    network = f"{recipe.model_name} {recipe.image_size} px, {precision}"
    return f"{network}, {keras.config.backend()} on {device.name}, {gib} GiB"


def _load(folder: Path) -> dict[str, int]:
    try:
        known = json.loads((folder / FILE_NAME).read_text("utf-8"))
        return {str(key): int(size) for key, size in known.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # it is measured again
