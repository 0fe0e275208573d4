"""What happens when the GPU's memory is full: most of it is really taken first.

Runs in a child process: `python memory_checks.py SETTING`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rows import Check, NoGpu, Wrong, print_checks
from setting import Setting, setting_of_child

from dl_magics.runs.events import EpochEnded, RunEnded, Warned
from dl_magics.runs.paths import RunPaths
from dl_magics.training import recorder
from dl_magics.training.engine import device, networks
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.engine.inference.out_of_memory import release_memory

# With the weights on the GPU, so much is left for a batch.
_LEFT_BYTES = 2 * 2**30
_PIECE = 2**28
_BATCH_SIZE = 256
_MOST_DIFFERENCE = 0.02


class MemoryChecks:
    """The checks, with what was taken of the memory."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.taken: Any = None

    def checks(self) -> list[tuple[str, Check]]:
        """Return the checks by name, in order."""
        return [
            ("batch size halved after out-of-memory", self.check_halving),
            ("a run with the memory full", self.check_run),
        ]

    def check_halving(self) -> tuple[str, dict[str, Any]]:
        found = device.detect_device()
        if found.kind != "gpu":
            raise NoGpu("there is no memory to fill")
        precision = device.choose_precision("auto", found)
        frozen = networks.build_frozen(
            self.setting.recipe(), precision, self.setting.folder / "weights"
        )
        size = self.setting.size
        pixels = np.random.default_rng(0).integers(0, 256, (_BATCH_SIZE, size, size, 3), np.uint8)
        self.taken = take_memory(self.setting.backend)
        compute = KerasCompute(frozen.fast, found, _BATCH_SIZE)
        started = [compute.start(pixels), compute.start(pixels[:100])]
        features, few = (fetch() for fetch in started)
        warnings = list(compute.take_warnings())
        self.taken = None
        release_memory()
        whole = KerasCompute(frozen.fast, found, _BATCH_SIZE // 8).start(pixels)()
        if not warnings:
            raise Wrong(f"{_BATCH_SIZE} images fitted into {_LEFT_BYTES / 2**30:.0f} GiB")
        apart = max(_distance(features, whole), _distance(few, whole[:100]))
        if not apart < _MOST_DIFFERENCE:
            raise Wrong(f"features differ by {apart:.2%} after halving")
        return (
            f"{_BATCH_SIZE} → {compute.batch_size}; features differ by {apart:.3%}",
            {"began": _BATCH_SIZE, "ended": compute.batch_size, "difference": apart},
        )

    def check_run(self) -> tuple[str, dict[str, Any]]:
        if device.detect_device().kind != "gpu":
            raise NoGpu("there is no memory to fill")
        self.taken = take_memory(self.setting.backend)
        folder = self.setting.folder / f"memory-{self.setting.backend}"
        paths = RunPaths(folder / "run", folder / "features", folder / "weights")
        paths.run.mkdir(parents=True)
        recipe = self.setting.recipe(batch_size=_BATCH_SIZE, epochs=2, learning_rate=1e-3)
        events = list(recorder.record_new_run(recipe, paths))
        self.taken = None
        ended = events[-1]
        warned = [event.code for event in events if isinstance(event, Warned)]
        if not isinstance(ended, RunEnded) or ended.status != "done":
            raise Wrong(f"the run ended: {ended}")
        if "batch_halved" not in warned:
            raise Wrong(f"the run did not halve its batches; warnings: {warned}")
        accuracy = max(
            event.logs["val_accuracy"] for event in events if isinstance(event, EpochEnded)
        )
        return (
            f"the run halved its batches and is done, val_accuracy {accuracy:.3f}",
            {"warnings": warned, "val_accuracy": accuracy},
        )


def take_memory(backend: str) -> list[Any]:
    """Allocate all of the GPU's free memory but a part; return what holds it."""
    if backend == "torch":
        import torch

        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info()
        wanted = (free - _LEFT_BYTES) // _PIECE
        return [torch.ones(_PIECE, dtype=torch.uint8, device="cuda") for _ in range(wanted)]
    import jax

    found = jax.devices()[0].memory_stats()
    wanted = (found["bytes_limit"] - found["bytes_in_use"] - _LEFT_BYTES) // _PIECE
    return [jax.numpy.ones(_PIECE, jax.numpy.uint8) for _ in range(wanted)]


def _distance(one: Any, other: Any) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


if __name__ == "__main__":
    told = setting_of_child()
    print_checks(told.backend, MemoryChecks(told).checks())
