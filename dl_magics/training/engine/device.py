"""The device that the network runs on, and the precision and batch size that suit it."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.training.engine import compute_settings

_CPU_BATCH, _GPU_BATCH = 32, 256
_CPU_SHARE, _GPU_SHARE = 0.25, 0.5
# Allocated at once in a forward pass: a layer's input, output and a copy in another layout.
_LIVE_COPIES = 3
# Processors that multiply in bfloat16: Intel from Sapphire Rapids, Cooper Lake and AMD from Zen 4.
_BFLOAT16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})


@dataclass(frozen=True, slots=True)
class Device:
    """A device used by Keras' backend.

    `memory` is the free memory in bytes; `half` the half-precision type that it computes faster
    than float32, "" if there is none.
    """

    kind: str
    name: str
    memory: int
    half: str = ""

    def __str__(self) -> str:
        return self.name


def detect_device() -> Device:
    """Return the device that Keras' backend will use; imports the backend.

    Raises BadSetting where that backend does not support training.
    """
    # Must be set before TensorFlow is imported, to hide its log messages on CPU features.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    backend = keras.config.backend()
    finders = {"tensorflow": _tensorflow_gpu, "jax": _jax_gpu, "torch": _torch_gpu}
    if backend not in finders:
        raise BadSetting(
            f"Keras runs on {backend} here, which cannot train.",
            fix="Choose one of tensorflow, jax, torch and restart the kernel: "
            "%env KERAS_BACKEND=tensorflow",
        )
    return finders[backend]() or Device(
        "cpu", _cpu_name(), free_memory(), cpu_half(backend, compute_settings.cpu_flags())
    )


@contextmanager
def hide_retracing_warnings() -> Iterator[None]:
    """Suppress TensorFlow's retracing warnings: each run traces a new head."""

    def other(record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


def choose_precision(asked: bool | str, device: Device) -> str:
    """Return Keras' dtype policy for the frozen part."""
    if asked is False or not device.half:
        return "float32"
    return f"mixed_{device.half}"


def gpu_half(capability: tuple[int, int]) -> str:
    """Return the half-precision type of an NVIDIA GPU of this compute capability.

    Tensor cores are available from 7.0 (Volta), bfloat16 from 8.0 (Ampere):
    https://docs.nvidia.com/cuda/cuda-c-programming-guide, "Compute Capabilities".
    """
    if capability >= (8, 0):
        return "bfloat16"
    return "float16" if capability >= (7, 0) else ""


def cpu_half(backend: str, flags: frozenset[str]) -> str:
    """Return the half-precision type of a CPU: oneDNN, in TensorFlow, is faster with these flags.

    Two cores of an AMD EPYC with AVX512_BF16 computed VGG16 at 128 px 2.0 times as fast, ResNet50
    1.5, EfficientNetB0 1.1, MobileNetV3Large 0.9. JAX gained nothing, PyTorch 0.9 to 1.7.
    """
    return "bfloat16" if backend == "tensorflow" and flags & _BFLOAT16_FLAGS else ""


def choose_batch_size(asked: int | str, device: Device, widest: int) -> int:
    """Return the batch size of the frozen part.

    `widest` is the number of values of its widest layer, for one image. "auto" is the largest power
    of two whose forward pass fits into the free memory, up to the size that still gains speed.
    """
    if isinstance(asked, int):
        return asked
    share, most = (_CPU_SHARE, _CPU_BATCH) if device.kind == "cpu" else (_GPU_SHARE, _GPU_BATCH)
    fitting = int(device.memory * share / (widest * 4 * _LIVE_COPIES))
    size = 1
    while size * 2 <= min(fitting, most):
        size *= 2
    return size


def free_memory() -> int:
    """Return the available main memory in bytes, within the limit of a container."""
    free = _available_memory()
    limit = Path("/sys/fs/cgroup/memory.max")
    used = Path("/sys/fs/cgroup/memory.current")
    if limit.is_file() and used.is_file():
        text = limit.read_text("ascii").strip()
        if text.isdigit():
            free = min(free, int(text) - int(used.read_text("ascii")))
    return max(free, 0)


def _available_memory() -> int:
    described = Path("/proc/meminfo")
    if described.is_file():  # a host need not have psutil
        for line in described.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    import psutil

    return int(psutil.virtual_memory().available)


def _cpu_name() -> str:
    cores = os.cpu_count() or 1
    return f"CPU ({platform.machine()}, {cores} {'core' if cores == 1 else 'cores'})"


def _tensorflow_gpu() -> Device | None:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    details: dict[str, Any] = tf.config.experimental.get_device_details(gpus[0])
    name = details.get("device_name", "GPU")
    return Device("gpu", name, _nvidia_free(), gpu_half(details.get("compute_capability", (0, 0))))


def _jax_gpu() -> Device | None:
    import jax

    gpus = [each for each in jax.devices() if each.platform in ("gpu", "cuda")]
    if not gpus:
        return None
    memory = (gpus[0].memory_stats() or {}).get("bytes_limit", 0)
    major, _, minor = str(getattr(gpus[0], "compute_capability", "0.0")).partition(".")
    return Device("gpu", gpus[0].device_kind, int(memory), gpu_half((int(major), int(minor or 0))))


def _torch_gpu() -> Device | None:
    import torch

    if not torch.cuda.is_available():
        return None
    free, _ = torch.cuda.mem_get_info()
    return Device(
        "gpu", torch.cuda.get_device_name(), int(free), gpu_half(torch.cuda.get_device_capability())
    )


def _nvidia_free() -> int:
    # TensorFlow cannot report a GPU's free memory before it allocates all of it.
    import subprocess

    asked = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10).stdout
        return int(said.split()[0]) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 4 * 2**30
