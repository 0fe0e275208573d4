"""On the practice cloud: how soon we say what EC2 says, and what a question costs.

    python benchmarks/noticing.py 20 5     # 20 starts, each takes 5 s to run

Prints the delay between "EC2 says running" and our saying so, beside that of `aws ec2 wait
instance-running` (which looks every 15 s); the first and later `%aws_state` beside the bare call.
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

os.environ["DL_MAGICS_HOME"] = tempfile.mkdtemp()


def main(starts: int, takes: float) -> None:
    from dl_magics import home, practice
    from dl_magics.actions import here

    running = practice.start(Path(tempfile.mkdtemp()), delay=takes)
    files = practice.profile(running.folder)
    home.choose(
        place={
            "profile": files.name,
            "region": files.region,
            "config_file": str(files.config_file),
            "credentials_file": str(files.credentials_file),
            "ssh_config": str(files.ssh_config),
        }
    )
    try:
        image = here.door().ask("ec2", "describe_images", Owners=["amazon"])["Images"][0]
        made = here.door().tell(
            "run_instances",
            ImageId=image["ImageId"],
            InstanceType="t2.micro",
            MinCount=1,
            MaxCount=1,
        )["Instances"][0]["InstanceId"]
        list(here.ec2().start(here.ec2().get(made)))
        here.choose(here.ec2().get(made))
        ask()
        print("\nEC2 says running → said, seconds   median   worst")
        ours = [
            delay(made, lambda: list(here.ec2().start(here.ec2().get(made)))) for _ in range(starts)
        ]
        row("dl_magics", ours)
        if aws := shutil.which("aws"):
            environment = {**os.environ, **here.place().environment}

            def wait() -> None:
                here.door().tell("start_instances", InstanceIds=[made])
                command = [aws, "ec2", "wait", "instance-running", "--instance-ids", made]
                subprocess.run(command, check=True, env=environment)

            theirs = [delay(made, wait) for _ in range(starts)]
            row("aws ec2 wait", theirs)
            ratio = statistics.median(theirs) / max(statistics.median(ours), 0.001)
            print(f"median: {ratio:.0f} × sooner")
    finally:
        practice.stop(running.folder)


def delay(id_: str, start: Callable[[], object]) -> float:
    """Stop, start by `start`, and return how long after EC2 it said that the instance runs."""
    from dl_magics.actions import here

    list(here.ec2().stop(here.ec2().get(id_)))
    seen: list[float] = []

    def look() -> None:
        ec2 = here.Ec2(here.Door(here.place()))
        while ec2.get(id_).state != "running":
            time.sleep(0.02)
        seen.append(time.perf_counter())

    watcher = threading.Thread(target=look)
    watcher.start()
    start()
    said = time.perf_counter()
    watcher.join()
    return max(0.0, said - seen[0])


def ask() -> None:
    """Time the first `%aws_state` in a fresh process, later ones, and the bare boto3 call."""
    code = """
import time
from IPython.core.interactiveshell import InteractiveShell as S
from dl_magics.magics.aws import AwsMagics
s = S.instance(); s.register_magics(AwsMagics)
t = time.perf_counter(); s.run_line_magic("aws_state", ""); first = time.perf_counter() - t
from dl_magics.actions import here
id_ = here.chosen_id()
client = here.door()._client("ec2", None)
def many(f):
    took = []
    for _ in range(60):
        t = time.perf_counter(); f(); took.append(time.perf_counter() - t)
    return sorted(took)[30]
bare = many(lambda: client.describe_instances(InstanceIds=[id_]))
ours = many(lambda: s.run_line_magic("aws_state", ""))
print(f"first %aws_state {first*1000:.0f} ms; later {ours*1000:.1f} ms, "
      f"bare boto3 {bare*1000:.1f} ms: {ours/bare:.2f} x")
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code], check=True)


def row(name: str, delays: list[float]) -> None:
    print(f"{name:<32} {statistics.median(delays):8.2f} {max(delays):7.2f}")


if __name__ == "__main__":
    starts, takes = [*sys.argv[1:], "20", "5"][:2] if len(sys.argv) != 2 else [sys.argv[1], "5"]
    main(int(starts), float(takes))
