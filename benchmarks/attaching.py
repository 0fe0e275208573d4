"""How long `%attach` of a run with 10,000 events takes until its picture is whole.

    python benchmarks/attaching.py

Beside it, in turn: the bare reading of the same lines with json. The run still goes on, and its
next event is far away: what is drawn must be whole without it. The target is one second.
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

from dl_magics.magics import live
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
        compare(story(every), every)


def compare(told: list[Event], every: int) -> None:
    """Time both in turn, each time with a new run, which ends once it was timed."""
    took: dict[str, list[float]] = {"bare": [], "ours": []}
    epochs = sum(isinstance(each, EpochEnded) for each in told)
    for _ in range(TIMES):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with log.LogWriter(folder) as lines:
                for event in told:
                    lines.append(event)
                took["bare"].append(seconds(lambda file=folder / log.NAME: bare(file)))
                lasted, watching = attached(Run(folder), epochs)
                took["ours"].append(lasted)
                lines.append(RunEnded(n=EVENTS + 1, status="stopped"))
            watching.join()
    bare_, ours = (1000 * statistics.median(times) for times in took.values())
    ratio = statistics.median(b / a for a, b in zip(took["bare"], took["ours"], strict=True))
    print(
        f"an epoch in {every:2} events: the whole picture after {ours:.0f} ms "
        f"(at most {1000 * max(took['ours']):.0f}), "
        f"json.loads of its lines {bare_:.0f} ms: {ratio:.1f} ×"
    )


def story(every: int) -> list[Event]:
    """Return the events of a run that has not ended."""
    started = RunStarted(
        run="bench", recipe=SETTINGS, classes=["cat", "dog"], device="CPU", place={}, versions={},
        counts={part: {"cat": 9, "dog": 9} for part in ("train", "valid")},
    )  # fmt: skip
    told: list[Event] = [started, DataChecked(images=18, skipped=[])]
    told.append(PhaseStarted(phase="head", total=EVENTS, unit="epochs"))
    while len(told) < EVENTS:
        n = len(told)
        told.append(
            Progressed(done=n, total=EVENTS, images_per_second=9.0, seconds_left=9.0)
            if n % every
            else EpochEnded(phase="head", epoch=n // every, logs=LOGS, best=True)
        )
    return list(stamp_events(told))


def bare(path: Path) -> None:
    for line in path.read_bytes().splitlines():
        json.loads(line)


def attached(run: Run, wanted: int) -> tuple[float, threading.Thread]:
    """Attach as `%attach` does; return how long the picture took, and the thread that follows."""
    began = time.perf_counter()
    screen = live.WidgetScreen(run)
    watching = threading.Thread(target=live.attach, args=(run, screen), daemon=True)
    watching.start()
    while len(screen._widget.epochs) < wanted:
        if time.perf_counter() - began > PATIENCE:
            sys.exit(f"never whole: {len(screen._widget.epochs):,} of {wanted:,} epochs")
        time.sleep(0.001)
    return time.perf_counter() - began, watching


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
