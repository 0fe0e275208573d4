"""Train the last block of VGG16, and a head on augmented images, as runs of `%%finetune` do.

Runs in a child process: `python training_checks.py SETTING`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import guide
import keras
import numpy as np
from rows import Check, Wrong, print_checks
from setting import Setting, setting_of_child

from dl_magics.runs.events import EpochEnded, RunEnded
from dl_magics.runs.paths import RunPaths
from dl_magics.training import recorder
from dl_magics.training.engine import device

UNFREEZE = "block5"
AUGMENT = """
def augment(image, random):
    return image[:, ::-1] if random.random() < 0.5 else image
"""
_MOST_ACCURACY_LOST = 0.03


class TrainingChecks:
    """What runs on one backend train, and how long their epochs take."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.folder = setting.folder / f"training-{setting.backend}"
        self.runs = 0

    def checks(self) -> list[tuple[str, Check]]:
        """Return the checks by name, in order."""
        return [
            (f"epoch of unfreeze = {UNFREEZE!r}", self.check_epoch),
            (f"accuracy with unfreeze = {UNFREEZE!r}", self.check_accuracy),
            ("epoch of a head on augmented images", self.check_augmentation),
        ]

    def check_epoch(self) -> tuple[str, dict[str, Any]]:
        """Compare an epoch with one of the Keras guide, which computes the whole network."""
        events = self._train(heads=1, epochs=1, unfreeze=UNFREEZE, unfreeze_epochs=2)
        ours = self._seconds_of_epochs(events)[-1]
        policy = device.choose_precision("auto", device.detect_device())
        keras.config.set_dtype_policy(policy)
        theirs = self._time_guide()
        keras.config.set_dtype_policy("float32")
        figures = {"seconds": ours, "guide_seconds": theirs, "policy": policy}
        return (
            f"{ours:.2f} s, the Keras guide {theirs:.2f} s in {policy}: {theirs / ours:.1f} times "
            "as fast"
        ), figures

    def check_accuracy(self) -> tuple[str, dict[str, Any]]:
        """Compare the best epoch of the head alone with that of the whole run, by seed."""
        found = []
        for seed in range(1, 2 if self.setting.small else 4):
            events = self._train(seed=seed, unfreeze=UNFREEZE)
            heads = [each.logs for each in events if each.phase == "head"]
            found.append([min(logs, key=_val_loss) for logs in (heads, [e.logs for e in events])])
        mean = {
            name: [float(np.mean([each[side][name] for each in found])) for side in (0, 1)]
            for name in ("val_accuracy", "val_loss")
        }
        head, whole = mean["val_accuracy"]
        said = (
            f"{head:.4f} to {whole:.4f}, val_loss {mean['val_loss'][0]:.3f} to "
            f"{mean['val_loss'][1]:.3f} (mean of {len(found)} seeds)"
        )
        if head - whole > _MOST_ACCURACY_LOST:
            raise Wrong(f"unfreeze makes it worse: {said}")
        return said, {"seeds": found, **mean}

    def check_augmentation(self) -> tuple[str, dict[str, Any]]:
        """Measure an epoch in which each image is augmented and computed anew."""
        events = self._train(heads=1, epochs=3, augment_function=AUGMENT)
        seconds = self._seconds_of_epochs(events)[-1]
        images = len(list((Path(self.setting.data) / "train").rglob("*.jpg")))
        return f"{seconds:.2f} s for {images:,} images: {images / seconds:,.0f} a second", {
            "seconds": seconds,
            "images": images,
        }

    def _train(self, **settings: Any) -> Sequence[EpochEnded]:
        """Train in a new run that shares what is stored with the others; return its epochs."""
        self.runs += 1
        paths = RunPaths(
            self.folder / str(self.runs), self.folder / "features", self.folder / "weights"
        )
        paths.run.mkdir(parents=True)
        epochs = {"epochs": 1, "unfreeze_epochs": 1} if self.setting.small else {}
        recipe = self.setting.recipe(image_size=self.setting.run_size, **{**epochs, **settings})
        events = list(recorder.record_new_run(recipe, paths))
        if not isinstance(ended := events[-1], RunEnded) or ended.status != "done":
            raise Wrong(f"the run ended: {ended}")
        return [each for each in events if isinstance(each, EpochEnded)]

    def _seconds_of_epochs(self, epochs: Sequence[EpochEnded]) -> list[float]:
        """Return the seconds of all epochs but the first, validation included."""
        return [later.t - earlier.t for earlier, later in pairwise(epochs)]

    def _time_guide(self) -> float:
        """Return the seconds of the second of two epochs of the guide's fine-tuning."""
        train, valid, classes, _ = guide.open_images(self.setting)
        model = guide.build_model(self.setting, classes)
        guide.unfreeze(model, UNFREEZE)
        ends: list[float] = []
        ended = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_: ends.append(time.perf_counter())
        )
        model.fit(train, validation_data=valid, epochs=2, callbacks=[ended], verbose=0)
        first, second = ends
        return second - first


def _val_loss(logs: dict[str, float]) -> float:
    return logs["val_loss"]


if __name__ == "__main__":
    told = setting_of_child()
    print_checks(told.backend, TrainingChecks(told).checks())
