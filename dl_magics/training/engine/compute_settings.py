"""The settings that affect rounding: threads, instruction set, backend flags.

A sum over many numbers is divided among threads and vector registers; floating-point addition is
not associative, so the last digits depend on how the sum is divided.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dl_magics.runs.events import Warned

# Instruction sets for which oneDNN, Eigen, MKL or XLA have specific kernels.
_KERNELS = frozenset(
    [
        "sse4_1",
        "avx",
        "avx2",
        "fma",
        "avx_vnni",
        "avx512f",
        "avx512bw",
        "avx512_vnni",
        "avx512_bf16",
        "avx512_fp16",
        "amx_tile",
        "amx_int8",
        "amx_bf16",
        "asimd",
        "asimdhp",
        "asimddp",
        "bf16",
        "i8mm",
        "sve",
        "sve2",
    ]
)
_FLAGS = (
    *("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "TF_XLA_FLAGS"),
    *("TF_DETERMINISTIC_OPS", "XLA_FLAGS", "MKL_CBWR", "ONEDNN_DEFAULT_FPMATH_MODE"),
)


MAY_DIFFER = "The last digits may differ from those of an uninterrupted run."


@dataclass(frozen=True)
class ComputeSettings:
    """How a processor computes.

    `threads` is the number of threads one operation is divided among (0: unknown),
    `instruction_set` the vector extensions of the processor, `flags` the environment variables
    that choose the backend's kernels, `devices` how many devices compute.
    """

    threads: int
    instruction_set: str
    flags: str
    devices: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as the events of a run have them."""
        return asdict(self)


def detect(devices: int = 1) -> ComputeSettings:
    """Return how the backend of Keras computes in this process, on so many devices."""
    flags = (f"{name}={os.environ[name]}" for name in sorted(_FLAGS) if os.environ.get(name))
    extensions = " ".join(sorted(cpu_flags() & _KERNELS))
    return ComputeSettings(_threads(), extensions, " ".join(flags), devices)


def set_threads(threads: int) -> None:
    """Compute with this number of threads from now on, where the backend still allows it.

    PyTorch allows it at any time; TensorFlow and JAX only before their first operation.
    """
    import keras

    setters = {"tensorflow": _set_tensorflow, "jax": _set_jax, "torch": _set_torch}
    setter = setters.get(keras.config.backend())
    if setter and threads > 0 and threads != _threads():
        setter(threads)


def cpu_flags() -> frozenset[str]:
    """Return the instruction sets that Linux reports for the processor; empty elsewhere."""
    described = Path("/proc/cpuinfo")
    if not described.is_file():
        return frozenset()
    for line in described.read_text("utf-8", "replace").splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def changes(before: Mapping[str, Any], now: ComputeSettings, backend: str) -> Iterator[Warned]:
    """Yield a warning for each setting that changed since the run began with `before`."""
    if before.get("threads", now.threads) != now.threads:
        yield Warned(
            code="other_threads",
            text=f"The run began with {before['threads']} compute threads and continues with "
            f"{now.threads}: {backend} cannot change them after its first computation.",
            fix=f"{MAY_DIFFER} To avoid this, restart the kernel before %finetune --resume.",
        )
    for name in ("instruction_set", "flags"):
        began, value = before.get(name, getattr(now, name)), getattr(now, name)
        if began != value:
            label = name.replace("_", " ")
            yield Warned(
                code=f"other_{name}",
                text=f"The run began with the {label} {began or '(none)'} and continues with "
                f"{value or '(none)'}.",
                fix=MAY_DIFFER,
            )


def _threads() -> int:
    import keras

    backend = keras.config.backend()
    if backend == "torch":
        import torch

        return int(torch.get_num_threads())
    if backend == "tensorflow":
        import tensorflow as tf

        chosen = tf.config.threading.get_intra_op_parallelism_threads()
        return int(chosen) or _number_in("TF_NUM_INTRAOP_THREADS") or _schedulable_cpus()
    if backend == "jax":
        if "xla_cpu_multi_thread_eigen=false" in os.environ.get("XLA_FLAGS", ""):
            return 1
        return _number_in("NPROC") or _schedulable_cpus()
    return 0


def _set_tensorflow(threads: int) -> None:
    import tensorflow as tf

    with suppress(RuntimeError):  # TensorFlow is already initialized in this process
        tf.config.threading.set_intra_op_parallelism_threads(threads)


def _set_jax(threads: int) -> None:
    from jax._src import xla_bridge

    # XLA reads NPROC once, when its CPU client starts (xla/pjrt/utils.cc, DefaultThreadPoolSize).
    if not xla_bridge.backends_are_initialized():
        os.environ["NPROC"] = str(threads)


def _set_torch(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _number_in(variable: str) -> int:
    text = os.environ.get(variable, "").strip()
    return int(text) if text.isdigit() else 0


def _schedulable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
