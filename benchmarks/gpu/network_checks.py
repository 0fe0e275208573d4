"""The checks of one backend's network: device, precision, features, batch size, speed.

Runs in a child process: `python network_checks.py SETTING`.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import bare
import numpy as np
from host_checks import read_gpu
from numpy.typing import NDArray
from rows import Check, NoGpu, Wrong, print_checks
from setting import Setting, setting_of_child

from dl_magics.data import images
from dl_magics.data.image_files import ImageFile
from dl_magics.training.engine import device, extraction, networks
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.inference.compute import Compute, Immediate
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.engine.networks import Frozen

# How far features in half precision may be from those in float32, as a share of their length.
_MOST_DIFFERENCE = 0.05
# nvidia-smi's utilization is that of up to a second before.
_BUSY_SECONDS, _LEAST_BUSY = 2.5, 20


class NetworkChecks:
    """What the checks of one network share."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.files = sorted(Path(setting.many).rglob("*.jpg"))

    @cached_property
    def device(self) -> Device:
        return device.detect_device()

    @cached_property
    def frozen(self) -> Frozen:
        precision = device.choose_precision("auto", self.device)
        return networks.build_frozen(
            self.setting.recipe(), precision, self.setting.folder / "weights"
        )

    @cached_property
    def batch_size(self) -> int:
        asked = 8 if self.setting.small else "auto"
        return device.choose_batch_size(asked, self.device, self.frozen.widest)

    @cached_property
    def bare_speed(self) -> float:
        """Images/s of the network alone, with the batch size and precision of a run."""
        return self._measure_bare(self.batch_size)

    def checks(self) -> list[tuple[str, Check]]:
        """Return the checks by name, in order."""
        return [
            ("device seen", self.check_device),
            ("precision chosen", self.check_precision),
            ("features in half precision and in float32", self.check_features),
            ("batch size found", self.check_batch_size),
            ("reading images alone", self.check_decoding),
            ("feature phase and bare network", self.check_feature_phase),
            ("guard: readings while the GPU computes", self.check_busy),
        ]

    def check_device(self) -> tuple[str, dict[str, Any]]:
        found = self.device
        figures = {"kind": found.kind, "name": found.name, "free_bytes": found.memory}
        if found.kind != "gpu":
            raise NoGpu(f"Keras on {self.setting.backend} sees {found.name}")
        return f"{found.name}, {found.memory / 2**30:.1f} GiB to use", figures

    def check_precision(self) -> tuple[str, dict[str, Any]]:
        if self.device.kind != "gpu":
            raise NoGpu(f"{device.choose_precision('auto', self.device)} is used")
        policy = device.choose_precision("auto", self.device)
        layer = next(each for each in self.frozen.fast.layers if each.count_params())
        computed = layer.compute_dtype
        if policy == "float32" or computed not in policy:
            raise Wrong(f"the policy is {policy}, the network computes in {computed}")
        return policy, {"policy": policy, "compute_dtype": computed}

    def check_features(self) -> tuple[str, dict[str, Any]]:
        """Compare with float32; without a GPU the two are the same network."""
        pixels = self._decode(self.files[: self.batch_size])
        half = KerasCompute(self.frozen.fast, self.device, self.batch_size).start(pixels)()
        full = KerasCompute(self.frozen.plain, self.device, self.batch_size).start(pixels)()
        norms = np.linalg.norm(full, axis=1)
        apart = np.linalg.norm(half - full, axis=1) / norms
        if not np.isfinite(half).all() or not norms.all() or apart.max() > _MOST_DIFFERENCE:
            raise Wrong(f"they differ by up to {apart.max():.1%} of their length")
        figures = {"mean": float(apart.mean()), "most": float(apart.max()), "images": len(pixels)}
        return f"differ by {apart.mean():.2%}, at most {apart.max():.2%}", figures

    def check_batch_size(self) -> tuple[str, dict[str, Any]]:
        """Measure the speed with the chosen batch size and with its neighbours."""
        chosen = self.batch_size
        speeds = {}
        for size in (chosen // 2, chosen, chosen * 2):
            speeds[size] = self.bare_speed if size == chosen else self._measure_bare(size)
        listed = ", ".join(f"{size}: {speed:,.0f}" for size, speed in speeds.items())
        figures = {"chosen": chosen, "images_per_second": speeds, **self._memory_used()}
        return f"{chosen}; images/s of the bare network: {listed}", figures

    def check_decoding(self) -> tuple[str, dict[str, Any]]:
        """Measure how many images/s threads read and decode."""
        contents = [path.read_bytes() for path in self.files[:2000]]
        cores = os.cpu_count() or 1
        speeds = {}
        for threads in sorted({1, 4, 8, 16} & set(range(cores + 1)) | {cores}):
            with ThreadPoolExecutor(threads) as pool:
                started = time.perf_counter()
                list(pool.map(lambda data: images.decode(data, self.setting.size), contents))
                speeds[threads] = len(contents) / (time.perf_counter() - started)
        listed = ", ".join(f"{threads}: {speed:,.0f}" for threads, speed in speeds.items())
        figures = {"images_per_second": speeds, "decoder": images.DECODER}
        return f"images/s by threads: {listed}", figures

    def check_feature_phase(self) -> tuple[str, dict[str, Any]]:
        """Measure the feature phase from files to the store, as a run does it and one by one."""
        overlapped = KerasCompute(self.frozen.fast, self.device, self.batch_size)
        one_by_one = Immediate(lambda pixels: np.asarray(self.frozen.fast.predict_on_batch(pixels)))
        speed = self._measure_phase("overlapped", overlapped)
        waiting = self._measure_phase("one_by_one", one_by_one)
        share = speed / self.bare_speed
        figures = {
            "images": len(self.files),
            "batch_size": self.batch_size,
            "images_per_second": speed,
            "bare_images_per_second": self.bare_speed,
            "device_waits": max(0.0, 1 - share),
            "one_by_one_images_per_second": waiting,
        }
        return (
            f"{speed:,.0f} images/s, {share:.0%} of {self.bare_speed:,.0f}; "
            f"without overlapping {waiting:,.0f}"
        ), figures

    def check_busy(self) -> tuple[str, dict[str, Any]]:
        """Read the utilization of the GPU while the network computes without a pause."""
        if self.device.kind != "gpu":
            raise NoGpu("nothing to read")
        size = self.setting.size
        step = bare.prepare_step(
            self.frozen.fast, np.zeros((self.batch_size, size, size, 3), np.uint8)
        )
        until = time.monotonic() + _BUSY_SECONDS
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(lambda: (time.sleep(_BUSY_SECONDS - 1), read_gpu())[1])
            while time.monotonic() < until or not reading.done():
                step()
        found, figures = reading.result()
        if int(found[0]) < _LEAST_BUSY:
            raise Wrong(f"the GPU computes, and {found[0]} % is read")
        return f"{found[0]} % busy, {found[1]} MiB used, {found[3]} W", figures

    def _measure_phase(self, name: str, compute: Compute) -> float:
        broken: extraction.Broken = {}
        photos = [ImageFile(path, 0) for path in self.files]
        views = extraction.scan_images(photos, 0, 1, broken)
        size = self.setting.size
        # What is compiled for the first batch is compiled before.
        compute.start(np.zeros((self.batch_size, size, size, 3), np.uint8))()
        store = FeatureStore(
            self.setting.folder / self.setting.backend / name, {}, self.frozen.features
        )
        started = time.perf_counter()
        for _ in extraction.fill_store(
            store, views, size, self.batch_size, 1, compute, lambda: False, broken
        ):
            pass
        seconds = time.perf_counter() - started
        if broken or any(view.key not in store for view in views):
            raise Wrong(f"{len(broken)} of {len(views)} images have no features")
        return len(views) / seconds

    def _measure_bare(self, batch_size: int) -> float:
        repeats = 2 if self.setting.small else 10
        return bare.measure_speed(self.frozen.fast, batch_size, self.setting.size, repeats)

    def _decode(self, files: list[Path]) -> NDArray[np.uint8]:
        return np.stack([images.decode(path.read_bytes(), self.setting.size) for path in files])

    def _memory_used(self) -> dict[str, int]:
        if self.setting.backend != "torch" or self.device.kind != "gpu":
            return {}
        import torch

        return {"most_bytes_used": torch.cuda.max_memory_allocated()}


if __name__ == "__main__":
    told = setting_of_child()
    print_checks(told.backend, NetworkChecks(told).checks())
