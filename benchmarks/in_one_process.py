"""Measure ratios in one process: feature phase, second run, ten new images, cost of events.

    python benchmarks/in_one_process.py DATA [--image-size 224] [--mixed auto|on|off]

- images/s of the feature phase, and of `predict_on_batch` of the same network on random pixels
- the first `%%finetune`, a second one with another rate  ng rate, and one with ten more images
- the share of events, log and widget in the first run
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from machine import describe_machine

from dl_magics.actions.runs import runs
from dl_magics.actions.runs.finetune import finetune
from dl_magics.data import folders
from dl_magics.runs.events import Event, Progressed
from dl_magics.runs.state import RunState
from dl_magics.store import paths
from dl_magics.training.engine import device, extraction, networks
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.recipe import recipe

MIXED = {"auto": "auto", "on": True, "off": False}


def run_finetune(wanted: recipe.Recipe) -> tuple[float, list[Event]]:
    """Fine-tune as the magic does, with a widget; return seconds and events."""
    from dl_magics.widgets.run import RunWidget

    widget = RunWidget()
    state = RunState()
    events = []
    started = time.perf_counter()
    for event in finetune(wanted, runs.create_folder(wanted), lambda: False):
        state = state.apply(event)
        widget.show(state)
        events.append(event)
    return time.perf_counter() - started, events


def measure_random_pixels(wanted: recipe.Recipe) -> float:
    """Return the images/s of `predict_on_batch` on random pixels, the median of some batches."""
    found = device.detect_device()
    frozen = networks.build_frozen(
        wanted,
        device.choose_precision(wanted.mixed_precision, found),
        paths.data_folder("weights"),
        winograd=found.winograd,
    )
    batch = device.choose_batch_size(wanted.batch_size, found, frozen.widest)
    size = wanted.image_size
    pixels = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
    frozen.fast.predict_on_batch(pixels)
    seconds = []
    for _ in range(12):
        started = time.perf_counter()
        frozen.fast.predict_on_batch(pixels)
        seconds.append(time.perf_counter() - started)
    return batch / statistics.median(seconds)


def measure_feature_phase(wanted: recipe.Recipe) -> float:
    """Return the images/s of a feature phase into an empty store, after its first batch."""
    found = device.detect_device()
    frozen = networks.build_frozen(
        wanted,
        device.choose_precision(wanted.mixed_precision, found),
        paths.data_folder("weights"),
        winograd=found.winograd,
    )
    batch = device.choose_batch_size(wanted.batch_size, found, frozen.widest)
    photos = folders.find_images(wanted.data, sample=300).train
    broken: extraction.Broken = {}
    with tempfile.TemporaryDirectory() as scratch:
        store = FeatureStore(Path(scratch), {}, frozen.features)
        events = extraction.fill_store(
            store,
            extraction.scan_images(photos, 0, 1, broken),
            wanted.image_size,
            batch,
            1,
            KerasCompute(frozen.fast, found, batch),
            lambda: False,
            broken,
        )
        done = [
            (time.perf_counter(), event.done) for event in events if isinstance(event, Progressed)
        ]
    # The last batch may be small, so it is left out.
    return (done[-2][1] - done[0][1]) / (done[-2][0] - done[0][0])


def measure_overhead(events: list[Event]) -> float:
    """Return the seconds that state, log and widget take for these events."""
    from dl_magics.runs.log import LogWriter
    from dl_magics.widgets.run import RunWidget

    widget, state = RunWidget(clock=itertools.count().__next__), RunState()
    with tempfile.TemporaryDirectory() as folder, LogWriter(Path(folder)) as log:
        started = time.perf_counter()
        for event in events:
            log.append(event)
            state = state.apply(event)
            widget.show(state)
        return time.perf_counter() - started


def copy_with_and_without(data: Path, extra: int) -> Iterator[Path]:
    """Yield a copy of the folder made of links, without `extra` training images, then with them."""
    with tempfile.TemporaryDirectory() as scratch:
        copied = Path(scratch) / data.name
        shutil.copytree(data, copied, copy_function=os.symlink)
        held = sorted((copied / "train").rglob("*.jpg"))[:extra]
        away = [(path, path.with_suffix(".held")) for path in held]
        aside = Path(scratch) / "aside"
        aside.mkdir()
        for at, (path, _) in enumerate(away):
            path.rename(aside / str(at))
        yield copied
        for at, (path, _) in enumerate(away):
            (aside / str(at)).rename(path)
        yield copied


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--mixed", choices=MIXED, default="off")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"DL_MAGICS_HOME": scratch, "TF_CPP_MIN_LOG_LEVEL": "3"}
        print(f"{describe_machine()}\n{options.image_size} px, mixed_precision {options.mixed}")
        settings = {
            "image_size": options.image_size,
            "weights": options.weights,
            "mixed_precision": MIXED[options.mixed],
        }
        copies = copy_with_and_without(options.data.resolve(), 10)
        data = str(next(copies))
        first, events = run_finetune(recipe.check_settings(data, settings))
        pairs = []
        for _ in range(3):
            once = recipe.check_settings(data, settings)
            pairs.append((measure_feature_phase(once), measure_random_pixels(once)))
        second, _ = run_finetune(recipe.check_settings(data, settings | {"learning_rate": 3e-3}))
        data = str(next(copies))
        third, more = run_finetune(recipe.check_settings(data, settings))
    kept = next(event.to_json() for event in more if event.kind == "phase_started")
    spent = measure_overhead(events)
    ratios = sorted(speed / random for speed, random in pairs)
    shown = ", ".join(f"{speed:.1f} / {random:.1f}" for speed, random in pairs)
    print(f"feature phase / random pixels, images/s: {shown}: median ratio {ratios[1]:.3f}")
    print(f"first run            {first:7.2f} s")
    print(f"another rate         {second:7.2f} s: {first / second:.0f} times as fast")
    print(
        f"ten more images      {third:7.2f} s: {kept['total'] - kept['kept']} of "
        f"{kept['total']} images computed, {first / third:.0f} times as fast"
    )
    print(f"events, log, widget  {spent:7.3f} s: {spent / first:.2%} of the first run")


if __name__ == "__main__":
    main()
