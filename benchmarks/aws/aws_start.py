"""Measure the delay from an instance running to the end of the wait, on the practice cloud.

    python benchmarks/aws/aws_start.py 20     # 20 starts each, compared with `aws ec2 wait`

An instance takes 2 to 17 s to start, spread evenly and the same for both: `aws ec2 wait
instance-running` polls every 15 s, and with a fixed time its delay would always be the same.
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

import practice_instance

FASTEST, SLOWEST = 2.0, 17.0


def main(starts: int) -> None:
    folder = Path(tempfile.mkdtemp())
    takes = [FASTEST + (SLOWEST - FASTEST) * n / max(1, starts - 1) for n in range(starts)]
    with practice_instance.run_instance(folder) as id_:
        print(f"EC2 running → wait ends, s, {starts} starts   median   worst", flush=True)
        ours = print_row(
            "dl_magics", [measure_delay(folder, id_, each, start_with_dl_magics) for each in takes]
        )
        if shutil.which("aws"):
            theirs = print_row(
                "aws ec2 wait",
                [measure_delay(folder, id_, each, start_with_aws_cli) for each in takes],
            )
            print(f"median: {theirs / max(ours, 0.001):.0f} × faster")


def start_with_dl_magics(id_: str) -> None:
    from dl_magics.actions.aws import context

    list(context.load().ec2.start(context.load().ec2.describe_instance(id_)))


def start_with_aws_cli(id_: str) -> None:
    from dl_magics.actions.aws import context

    context.load().session.change_ec2("start_instances", InstanceIds=[id_])
    command = ["aws", "ec2", "wait", "instance-running", "--instance-ids", id_]
    subprocess.run(command, check=True, env={**os.environ, **context.load_profile().environment})


def measure_delay(folder: Path, id_: str, takes: float, start: Callable[[str], None]) -> float:
    """Stop and start the instance; return the seconds from EC2's running to the end of `start`."""
    from dl_magics.actions.aws import context

    set_delay(folder, 0.2)
    list(context.load().ec2.stop(context.load().ec2.describe_instance(id_)))
    set_delay(folder, takes)
    seen: list[float] = []

    def poll() -> None:
        ec2 = context.load().ec2
        while ec2.describe_instance(id_).state != "running":
            time.sleep(0.02)
        seen.append(time.perf_counter())

    watcher = threading.Thread(target=poll)
    watcher.start()
    start(id_)
    ended = time.perf_counter()
    watcher.join()
    return max(0.0, ended - seen[0])


def set_delay(folder: Path, delay: float) -> None:
    """Restart the practice cloud with this number of seconds for each change of state."""
    from dl_magics import practice

    practice.stop_cloud(folder)
    practice.start_cloud(folder, delay=delay)


def print_row(name: str, delays: list[float]) -> float:
    """Print a row of the table and return the median."""
    median = statistics.median(delays)
    print(f"{name:<44} {median:8.2f} {max(delays):7.2f}", flush=True)
    return median


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20)
