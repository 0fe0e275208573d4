"""Measure how long after the notice of AWS a run on a spot instance has saved its checkpoint.

    PYTHONPATH=.:tests python benchmarks/aws/spot_notice.py 6     # six notices to one run

On the practice cloud, with a real guard and a real run, which each notice interrupts and which is
resumed after it. The times are those of the instance's files: the notice is there for whoever asks
for it, the guard has asked the run for a checkpoint, the checkpoint is complete on disk. The guard
asks for a notice every five seconds, so the first wait is between nothing and five seconds.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CELL = """%%finetune colours
weights = None
image_size = 32
dense = [8]
batch_size = 8
epochs = 100_000
patience = 100_000"""
NOTICE_SECONDS = 12
LONGEST_SECONDS = 120.0


def main(count: int) -> None:
    scratch = Path(tempfile.mkdtemp())
    os.environ |= {"HOME": str(scratch), "DL_MAGICS_HOME": str(scratch / "dl_magics")}
    os.chdir(scratch)
    from IPython.core.interactiveshell import InteractiveShell

    from dl_magics import practice
    from dl_magics.store import paths
    from support import tiny_keras

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "dl_magics")
    tiny_keras.photos(scratch / "colours", n=6)
    cloud = practice.start_cloud(paths.data_folder("practice"), delay=0.2, boot=0)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            took = measure_notices(shell, cloud, count)
    finally:
        practice.stop_cloud(cloud.folder)
    names = ("request", "checkpoint", "both")
    for name, seconds in zip(names, zip(*took, strict=True), strict=True):
        each = ", ".join(f"{one:.2f}" for one in seconds)
        median, worst = statistics.median(seconds), max(seconds)
        print(f"{name:<10} median {median:.2f} s, worst {worst:.2f} s ({each})")


def measure_notices(shell: Any, cloud: Any, count: int) -> list[tuple[float, float, float]]:
    """Return for each notice the seconds to the request, from it to the checkpoint, and both."""
    from dl_magics.actions.runs import runs

    shell.run_line_magic("practice", "on")
    id_ = shell.run_line_magic("aws_launch", "t2.micro --spot -y").id
    host = cloud.folder / "instances" / id_
    shell.run_line_magic("gpu_connect", "gpu")
    shell.run_line_magic("sync", "up colours")
    line, cell = CELL.removeprefix("%%finetune ").split("\n", 1)
    thread = begin(lambda: shell.run_cell_magic("finetune", line, cell))
    run = wait_for(lambda: next(iter(runs.list_local_runs()), None))
    took = []
    for n in range(count):
        # The guard is met at different times between two of its looks.
        wait_until_it_trains(run.path, n)
        time.sleep(n * 5 / count)
        noticed = time.time()
        cloud.inject_fault("spot-notice", instance=id_, seconds=NOTICE_SECONDS)
        saved = wait_for_save(host / "home/.dl_magics/runs" / run.name, noticed)
        asked = (host / "opt/dl-magics-guard/spot.json").stat().st_mtime
        took.append((asked - noticed, saved - asked, saved - noticed))
        thread.join(LONGEST_SECONDS)
        wait_for(lambda: shell.run_line_magic("aws_state", "") == "stopped")
        cloud.inject_fault("spot-capacity")
        wait_for(lambda: shell.run_line_magic("aws_state", "") == "running")
        shell.run_line_magic("gpu_connect", "gpu")
        thread = begin(lambda: shell.run_line_magic("finetune", f"--resume {run.name}"))
    return took


def wait_until_it_trains(folder: Path, resumed: int) -> None:
    """Wait until a run has new epochs after it was resumed for the n-th time."""
    wait_for(lambda: count_epochs(folder, resumed) > 2)


def count_epochs(folder: Path, resumed: int) -> int:
    """Return how many epochs have ended since then."""
    from dl_magics.runs import log
    from dl_magics.runs.events import EpochEnded, RunResumed

    kinds = [type(event) for event in log.read_events(folder)]
    if kinds.count(RunResumed) < resumed:
        return 0
    last = max((at for at, kind in enumerate(kinds) if kind is RunResumed), default=0)
    return kinds[last:].count(EpochEnded)


def wait_for_save(folder: Path, since: float) -> float:
    """Wait until a run has saved its checkpoint after a notice; return when it had."""
    return float(wait_for(lambda: find_save(folder, since)))


def find_save(folder: Path, since: float) -> float | None:
    """Return when the checkpoint was complete after which the run said that AWS gave notice."""
    from dl_magics.runs import checkpoint_request, log
    from dl_magics.runs.events import CheckpointSaved, Warned

    saved = None
    for event in log.read_events(folder):
        if isinstance(event, CheckpointSaved):
            saved = event.t
        is_notice = isinstance(event, Warned) and event.code == checkpoint_request.SPOT_NOTICE
        if is_notice and event.t > since:
            return saved
    return None


def begin(work: Callable[[], object]) -> threading.Thread:
    """Run a cell in a thread; say how it ended, which is by the interruption."""

    def attempt() -> None:
        from dl_magics.errors import DLMagicsError

        try:
            work()
        except DLMagicsError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    return thread


def wait_for(fact: Callable[[], Any]) -> Any:
    """Wait until a fact is there, and return it."""
    until = time.monotonic() + LONGEST_SECONDS
    while not (found := fact()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6)
