"""Ask a backend of Keras for the devices of this host that can compute together.

These are the GPUs of the same kind as the first one: a batch gives the same numbers on each. Where
there are none, they are the CPU devices, of which there is one unless the user asks the backend for
more.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_MEMORY_UNKNOWN = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Gpus:
    """GPUs of one kind: `memory` is the free memory of each, `members` their names in the backend.

    `idle` has the kind of each GPU that a run does not use.
    """

    name: str
    memory: int
    capability: tuple[int, int]
    members: tuple[str, ...]
    idle: tuple[str, ...] = ()


def find_gpus(backend: str) -> Gpus | None:
    """Return the GPUs that a run uses with this backend; None where it sees none."""
    finders = {"tensorflow": _find_tensorflow, "jax": _find_jax, "torch": _find_torch}
    return finders[backend]()


def find_cpus(backend: str) -> tuple[str, ...]:
    """Return the CPU devices that a run uses with this backend."""
    if backend == "tensorflow":
        return tuple(f"CPU:{n}" for n in range(len(_list_logical("CPU"))))
    if backend == "jax":
        import jax

        return tuple(f"cpu:{each.id}" for each in jax.local_devices())
    return ("cpu",)


def _find_tensorflow() -> Gpus | None:
    import tensorflow as tf

    gpus = _list_logical("GPU")
    if not gpus:
        return None
    details: list[dict[str, Any]] = [
        tf.config.experimental.get_device_details(each) for each in gpus
    ]
    names = [str(each.get("device_name", "GPU")) for each in details]
    alike, idle = _split_kinds(names)
    return Gpus(
        names[0],
        _free_memory(),
        details[0].get("compute_capability", (0, 0)),
        tuple(f"GPU:{n}" for n in alike),
        idle,
    )


def _list_logical(kind: str) -> list[Any]:
    """Return the physical device of each logical one; TensorFlow is not initialized by that."""
    import tensorflow as tf

    return [
        each
        for each in tf.config.get_visible_devices(kind)
        for _ in tf.config.get_logical_device_configuration(each) or [None]
    ]


def _find_jax() -> Gpus | None:
    import jax

    gpus = [each for each in jax.local_devices() if each.platform in ("gpu", "cuda")]
    if not gpus:
        return None
    alike, idle = _split_kinds([each.device_kind for each in gpus])
    memory = min((gpus[n].memory_stats() or {}).get("bytes_limit", 0) for n in alike)
    major, _, minor = str(getattr(gpus[0], "compute_capability", "0.0")).partition(".")
    return Gpus(
        gpus[0].device_kind,
        int(memory),
        (int(major), int(minor or 0)),
        tuple(f"{gpus[n].platform}:{gpus[n].id}" for n in alike),
        idle,
    )


def _find_torch() -> Gpus | None:
    """Return the current GPU: Keras computes on one with PyTorch."""
    import torch

    if not torch.cuda.is_available():
        return None
    free, _ = torch.cuda.mem_get_info()
    current = torch.cuda.current_device()
    others = (n for n in range(torch.cuda.device_count()) if n != current)
    return Gpus(
        torch.cuda.get_device_name(),
        int(free),
        torch.cuda.get_device_capability(),
        ("cuda",),
        tuple(torch.cuda.get_device_name(n) for n in others),
    )


def _split_kinds(names: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
    """Return the positions of the names that equal the first one, and the other names."""
    alike = [at for at, name in enumerate(names) if name == names[0]]
    return alike, tuple(name for name in names if name != names[0])


def _free_memory() -> int:
    """Return the free memory of each visible GPU.

    TensorFlow cannot report it before it allocates all of it.
    """
    asked = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):
        asked.append(f"--id={visible}")
    try:
        said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10).stdout
        return min(int(line.split()[0]) for line in said.splitlines()) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return _MEMORY_UNKNOWN
