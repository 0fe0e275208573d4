"""On the practice cloud: how soon we say that an instance runs, after EC2 says so.

    python benchmarks/noticing.py 20     # 20 starts each, beside `aws ec2 wait instance-running`

EC2 takes 2 to 17 s to run an instance here, spread evenly and the same for both: `aws ec2 wait`
looks every 15 s, and with one fixed time it would always be equally late.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import on_practice

FASTEST, SLOWEST = 2.0, 17.0


def main(starts: int) -> None:
    folder = Path(tempfile.mkdtemp())
    takes = [FASTEST + (SLOWEST - FASTEST) * n / max(1, starts - 1) for n in range(starts)]
    with on_practice.instance(folder) as id_:
        print(f"EC2 says running → said, seconds, {starts} starts   median   worst", flush=True)
        ours = row("dl_magics", [late(folder, id_, each, we_start) for each in takes])
        if shutil.which("aws"):
            theirs = row("aws ec2 wait", [late(folder, id_, each, they_start) for each in takes])
            print(f"median: {theirs / max(ours, 0.001):.0f} × sooner")


def we_start(id_: str) -> None:
    from dl_magics.actions.aws import context

    list(context.ec2().start(context.ec2().get(id_)))


def they_start(id_: str) -> None:
    from dl_magics.actions.aws import context

    context.door().tell("start_instances", InstanceIds=[id_])
    command = ["aws", "ec2", "wait", "instance-running", "--instance-ids", id_]
    subprocess.run(command, check=True, env={**os.environ, **context.place().environment})


def late(folder: Path, id_: str, takes: float, start: Callable[[str], None]) -> float:
    """Stop the instance, start it, and return how long after EC2 the start said that it runs."""
    from dl_magics.actions.aws import context

    again(folder, 0.2)
    list(context.ec2().stop(context.ec2().get(id_)))
    again(folder, takes)
    seen: list[float] = []

    def look() -> None:
        ec2 = context.Ec2(context.Door(context.place()))
        while ec2.get(id_).state != "running":
            time.sleep(0.02)
        seen.append(time.perf_counter())

    watcher = threading.Thread(target=look)
    watcher.start()
    start(id_)
    said = time.perf_counter()
    watcher.join()
    return max(0.0, said - seen[0])


def again(folder: Path, delay: float) -> None:
    """Let the practice cloud take so long for each change of state from now on."""
    from dl_magics import practice

    practice.stop(folder)
    practice.start(folder, delay=delay)


def row(name: str, delays: list[float]) -> float:
    """Print one line, and return its median."""
    median = statistics.median(delays)
    print(f"{name:<44} {median:8.2f} {max(delays):7.2f}", flush=True)
    return median


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20)
