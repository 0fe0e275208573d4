"""The devices that the network runs on, and the precision and batch size that suit them."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dl_magics.errors import BadSetting
from dl_magics.training.engine import compute_settings
from dl_magics.training.engine.convolution import replacement
from dl_magics.training.engine.parallel import find_devices

_CPU_BATCH, _GPU_BATCH = 32, 256
_CPU_SHARE, _GPU_SHARE = 0.25, 0.5
# Allocated at once in a forward pass: a layer's input, output and a copy in another layout.
_LIVE_COPIES = 3
# Processors that multiply in bfloat16: Intel from Sapphire Rapids, Cooper Lake and AMD from Zen 4.
_BFLOAT16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
_BACKENDS = ("tensorflow", "jax", "torch")
# In the warnings of TensorFlow that say nothing of the run.
_EXPECTED = ("retracing", "not using nccl allreduce")


@dataclass(frozen=True, slots=True)
class Device:
    """The device used by Keras' backend, or several of the same kind.

    `memory` is the free memory of each in bytes; `half` the half-precision type that it computes
    faster than float32, "" if there is none. `members` are the names that the backend has for them,
    if there are several; `idle` has the kind of each GPU that a run does not use. `winograd` is
    whether large convolutions in float32 are faster by Winograd's algorithm.
    """

    kind: str
    name: str
    memory: int
    half: str = ""
    members: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    winograd: bool = False

    @property
    def count(self) -> int:
        """The number of devices."""
        return len(self.members) or 1

    def __str__(self) -> str:
        return format_devices(self.name, self.count)


def format_devices(name: str, count: int) -> str:
    """Return the name of devices as a run shows it: `4 × Tesla T4`."""
    return name if count == 1 else f"{count} × {name}"


def detect_device() -> Device:
    """Return the devices that Keras' backend will use; imports the backend.

    Raises BadSetting where that backend does not support training.
    """
    # Must be set before TensorFlow is imported, to hide its log messages on CPU features.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    backend = keras.config.backend()
    if backend not in _BACKENDS:
        raise BadSetting(
            f"Keras runs on {backend} here, which cannot train.",
            fix="Choose one of tensorflow, jax, torch and restart the kernel: "
            "%env KERAS_BACKEND=tensorflow",
        )
    gpus = find_devices.find_gpus(backend)
    if gpus:
        members = gpus.members if len(gpus.members) > 1 else ()
        half = gpu_half(gpus.capability)
        return Device("gpu", gpus.name, gpus.memory, half, members, gpus.idle)
    half = cpu_half(backend, compute_settings.cpu_flags())
    cpus = find_devices.find_cpus(backend)
    # They share the memory.
    memory = free_memory() // len(cpus)
    if len(cpus) > 1:
        return Device("cpu", _cpu_name(), memory, half, cpus)
    winograd = replacement.is_supported(backend)
    return Device("cpu", _cpu_name(), memory, half, winograd=winograd)


@contextmanager
def hide_retracing_warnings() -> Iterator[None]:
    """Suppress TensorFlow's retracing warnings: each run traces a new head.

    Messages of how it uses several devices are suppressed, too.
    """

    def other(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return record.levelno > logging.INFO and not any(each in message for each in _EXPECTED)

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
    """Return the batch size of the frozen part: of each device, if there are several.

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
