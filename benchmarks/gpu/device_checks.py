"""Several GPUs of one host: features and training on one of them and on all.

Runs in a child process: `python device_checks.py SETTING`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rows import NoGpu, Wrong, print_checks
from setting import Setting, setting_of_child

from dl_magics.training.engine import device, networks
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.engine.parallel.data_parallel import select_devices
from dl_magics.training.engine.parallel.training_devices import count_devices

# What two GPUs of one kind compute of the same batch may differ in the last digits.
_MOST_DIFFERENCE = 1e-2
_TRAINED = 32


class DeviceChecks:
    """Compares the first device with all of them."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.all = device.detect_device()
        self.one = replace(self.all, members=())
        self.repeats = 1 if setting.small else 20

    def check_features(self) -> tuple[str, dict[str, Any]]:
        """Measure the network alone on images in memory, and compare the features."""
        self._require_several()
        precision = device.choose_precision("auto", self.all)
        # Without a GPU it takes too long to compile VGG16 for two devices.
        recipe = self.setting.recipe(**({"model": "MobileNet"} if self.setting.small else {}))
        frozen = networks.build_frozen(recipe, precision, self.setting.folder / "weights")
        asked = 8 if self.setting.small else "auto"
        batch_size = device.choose_batch_size(asked, self.all, frozen.widest)
        size = self.setting.size
        pixels = np.random.default_rng(0).integers(
            0, 256, (batch_size, size, size, 3), dtype=np.uint8
        )
        speeds, features = {}, {}
        for found in (self.one, self.all):
            speeds[found.count], features[found.count] = self._compute(
                KerasCompute(frozen.fast, found, batch_size), found, pixels
            )
        one, all_ = features[1], features[self.all.count]
        apart = np.abs(all_ - one).max() / np.abs(one).max()
        if not np.isfinite(all_).all() or apart > _MOST_DIFFERENCE:
            raise Wrong(f"the features of {self.all} differ by {apart:.2%} from those of one")
        return self._describe(speeds), {"images_per_second": speeds, "apart": float(apart)}

    def check_training(self) -> tuple[str, dict[str, Any]]:
        """Measure steps of the last block of VGG16, as `unfreeze = "block5"` trains it."""
        self._require_several()
        count = count_devices(_TRAINED, self.all.count)
        speeds = {n: self._train(self.all.members[:n] if n > 1 else ()) for n in {1, count}}
        return self._describe(speeds), {"images_per_second": speeds, "batch_size": _TRAINED}

    def _require_several(self) -> None:
        if self.all.count == 1:
            raise NoGpu(f"a run on {self.setting.backend} uses one: {self.all}")

    def _compute(
        self, compute: KerasCompute, found: Device, pixels: NDArray[np.uint8]
    ) -> tuple[float, NDArray[np.float32]]:
        """Return the images/s and the features that the last device computed."""
        batches = self.repeats * found.count
        for _ in range(2):  # it is compiled the first time
            started = time.perf_counter()
            features = [fetch() for fetch in [compute.start(pixels) for _ in range(batches)]]
            seconds = time.perf_counter() - started
        return batches * len(pixels) / seconds, features[-1]

    def _train(self, members: tuple[str, ...]) -> float:
        import keras

        side = self.setting.size // 16
        devices = select_devices(members)
        with devices.scope():
            activations = keras.Input((side, side, 512))
            last = activations
            for _ in range(3):
                last = keras.layers.Conv2D(512, 3, padding="same", activation="relu")(last)
            flat = keras.layers.GlobalAveragePooling2D()(last)
            model = keras.Model(activations, keras.layers.Dense(2)(flat))
            model.compile("adam", "mean_squared_error", jit_compile=True)
        trained = devices.distribute(model)
        values = np.zeros((_TRAINED, side, side, 512), np.float32)
        labels = np.zeros((_TRAINED, 2), np.float32)
        for _ in range(2):  # it is compiled the first time
            started = time.perf_counter()
            for _ in range(self.repeats):
                trained.train_on_batch(values, labels, return_dict=True)
            seconds = time.perf_counter() - started
        return self.repeats * _TRAINED / seconds

    def _describe(self, speeds: dict[int, float]) -> str:
        listed = ", ".join(f"{n}: {speed:,.0f}" for n, speed in sorted(speeds.items()))
        gain = speeds[max(speeds)] / speeds[1]
        return f"images/s by the number of {self.all.name}: {listed}; {gain:.1f} times"


if __name__ == "__main__":
    told = setting_of_child()
    made = DeviceChecks(told)
    print_checks(
        told.backend,
        [
            ("features on one device and on all", made.check_features),
            ("training on one device and on all", made.check_training),
        ],
    )
