"""Time `%attach` to a run with 10,000 events until its chart is complete.

    python benchmarks/attach.py

It alternates with parsing the same lines with json. The run is still active and sends no further
event, so the chart must be complete without one. The target is one second.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from dl_magics.magics.display import live
from dl_magics.runs import log
from dl_magics.runs.events import (
    DataChecked,
    EpochEnded,
    Event,
    PhaseStarted,
    Progressed,
    RunEnded,
    RunStarted,
    stamp_events,
)
from dl_magics.training.run import Run

EVENTS, TIMES, PATIENCE = 10_000, 15, 30.0
LOGS = {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.6, "val_accuracy": 0.75}
SETTINGS = {"model": "VGG16", "data": "data/dogscats", "epochs": EVENTS}


def main() -> None:
    shell = InteractiveShell.instance()
    shell.display_pub = CapturingDisplayPublisher()
    print(f"{EVENTS:,} events; medians of {TIMES}")
    for every in (10, 1):
        compare(make_events(every), every)


def compare(events: list[Event], every: int) -> None:
    """Alternate both, each time with a new run that ends after the measurement."""
    took: dict[str, list[float]] = {"bare": [], "ours": []}
    epochs = sum(isinstance(each, EpochEnded) for each in events)
    for _ in range(TIMES):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with log.LogWriter(folder) as lines:
                for event in events:
                    lines.append(event)
                took["bare"].append(
                    time_call(lambda file=folder / log.FILE_NAME: parse_lines(file))
                )
                duration, watcher = attach(Run(folder), epochs)
                took["ours"].append(duration)
                lines.append(RunEnded(n=EVENTS + 1, status="stopped"))
            watcher.join()
    bare_, ours = (1000 * statistics.median(times) for times in took.values())
    ratio = statistics.median(b / a for a, b in zip(took["bare"], took["ours"], strict=True))
    print(
        f"an epoch in {every:2} events: the complete chart after {ours:.0f} ms "
        f"(at most {1000 * max(took['ours']):.0f}), "
        f"json.loads of its lines {bare_:.0f} ms: {ratio:.1f} ×"
    )


def make_events(every: int) -> list[Event]:
    """Return the events of an active run; one in `every` is the end of an epoch."""
    started = RunStarted(
        run="bench", recipe=SETTINGS, classes=["cat", "dog"], device="CPU", host={}, versions={},
        counts={part: {"cat": 9, "dog": 9} for part in ("train", "valid")},
    )  # fmt: skip
    events: list[Event] = [started, DataChecked(images=18, skipped=[])]
    events.append(PhaseStarted(phase="head", total=EVENTS, unit="epochs"))
    while len(events) < EVENTS:
        n = len(events)
        events.append(
            Progressed(done=n, total=EVENTS, images_per_second=9.0, seconds_left=9.0)
            if n % every
            else EpochEnded(phase="head", epoch=n // every, logs=LOGS, best=True)
        )
    return list(stamp_events(events))


def parse_lines(path: Path) -> None:
    for line in path.read_bytes().splitlines():
        json.loads(line)


def attach(run: Run, wanted: int) -> tuple[float, threading.Thread]:
    """Attach as `%attach` does; return the seconds to a complete chart, and its thread."""
    began = time.perf_counter()
    screen = live.WidgetScreen(InteractiveShell.instance(), run)
    watcher = threading.Thread(target=live.attach, args=(run, screen), daemon=True)
    watcher.start()
    while len(screen._widget.epochs) < wanted:
        if time.perf_counter() - began > PATIENCE:
            sys.exit(f"{len(screen._widget.epochs):,} of {wanted:,} epochs after {PATIENCE:.0f} s")
        time.sleep(0.001)
    return time.perf_counter() - began, watcher


def time_call(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
