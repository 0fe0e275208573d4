"""Ratios inside one process: feature phase, second run, ten new photos, overhead of events.

    python benchmarks/in_one_process.py DATA [--image-size 224] [--mixed auto|on|off]

- images/s of the feature phase against `predict_on_batch` of the same network on random pixels
- the first `%%finetune` against a second one with another learning rate, and against one on ten
  photos more
- what events, log and widget take of the first run
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
from machine import machine

from dl_magics.actions.runs import runs
from dl_magics.actions.runs.finetune import finetune
from dl_magics.data import folders
from dl_magics.runs.events import Event, Progressed
from dl_magics.runs.state import RunState
from dl_magics.store import paths
from dl_magics.training.engine import device, extraction, networks
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.recipe import recipe

MIXED = {"auto": "auto", "on": True, "off": False}


def run(asked: recipe.Recipe) -> tuple[float, list[Event]]:
    """Fine-tune as the magic does, a widget included; return seconds and events."""
    from dl_magics.widgets.run import RunWidget

    widget = RunWidget()
    state = RunState()
    events = []
    started = time.perf_counter()
    for event in finetune(asked, runs.new(asked), lambda: False):
        state = state.apply(event)
        widget.show(state)
        events.append(event)
    return time.perf_counter() - started, events


def random_speed(asked: recipe.Recipe) -> float:
    """Return the images/s of `predict_on_batch` on random pixels, the median of some batches."""
    found = device.find()
    frozen = networks.frozen(
        asked, device.precision(asked.mixed_precision, found), paths.data_folder("weights")
    )
    batch = device.batch_size(asked.batch_size, found, frozen.widest)
    size = asked.image_size
    pixels = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
    frozen.fast.predict_on_batch(pixels)
    seconds = []
    for _ in range(12):
        started = time.perf_counter()
        frozen.fast.predict_on_batch(pixels)
        seconds.append(time.perf_counter() - started)
    return batch / statistics.median(seconds)


def feature_speed(asked: recipe.Recipe) -> float:
    """Return the images/s of a feature phase into an empty store, once it is under way."""
    found = device.find()
    frozen = networks.frozen(
        asked, device.precision(asked.mixed_precision, found), paths.data_folder("weights")
    )
    batch = device.batch_size(asked.batch_size, found, frozen.widest)
    photos = folders.find(asked.data, sample=300).train
    broken: extraction.Broken = {}
    with tempfile.TemporaryDirectory() as scratch:
        store = FeatureStore(Path(scratch), {}, frozen.features)
        events = extraction.fill(
            store,
            extraction.scan(photos, 0, 1, broken),
            asked.image_size,
            batch,
            1,
            lambda pixels: np.asarray(frozen.fast.predict_on_batch(pixels)),
            lambda: False,
            broken,
        )
        told = [
            (time.perf_counter(), event.done) for event in events if isinstance(event, Progressed)
        ]
    # The last batch may be small: it does not count.
    return (told[-2][1] - told[0][1]) / (told[-2][0] - told[0][0])


def overhead(events: list[Event]) -> float:
    """Return the seconds that state, log and widget take for these events, each of them drawn."""
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


def with_more(data: Path, extra: int) -> Iterator[Path]:
    """Yield a copy of the folder by links, less `extra` training photos, then with them."""
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
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"DL_MAGICS_HOME": scratch, "TF_CPP_MIN_LOG_LEVEL": "3"}
        print(f"{machine()}\n{asked.image_size} px, mixed_precision {asked.mixed}")
        told = {
            "image_size": asked.image_size,
            "weights": asked.weights,
            "mixed_precision": MIXED[asked.mixed],
        }
        copies = with_more(asked.data.resolve(), 10)
        data = str(next(copies))
        first, events = run(recipe.parse(data, told))
        pairs = []
        for _ in range(3):
            once = recipe.parse(data, told)
            pairs.append((feature_speed(once), random_speed(once)))
        second, _ = run(recipe.parse(data, told | {"learning_rate": 3e-3}))
        data = str(next(copies))
        third, more = run(recipe.parse(data, told))
    kept = next(event.to_json() for event in more if event.kind == "phase_started")
    spent = overhead(events)
    ratios = sorted(speed / random for speed, random in pairs)
    shown = ", ".join(f"{speed:.1f} / {random:.1f}" for speed, random in pairs)
    print(f"feature phase / random pixels, images/s: {shown}: median ratio {ratios[1]:.3f}")
    print(f"first run            {first:7.2f} s")
    print(f"another rate         {second:7.2f} s: {first / second:.0f} times as fast")
    print(
        f"ten photos more      {third:7.2f} s: {kept['total'] - kept['kept']} of "
        f"{kept['total']} photos computed, {first / third:.0f} times as fast"
    )
    print(f"events, log, widget  {spent:7.3f} s: {spent / first:.2%} of the first run")


if __name__ == "__main__":
    main()
