"""What the server extension costs: its answers, its idle time and memory, the start of JupyterLab.

    PYTHONPATH=benchmarks python benchmarks/server/cost.py

50 instances run in moto's EC2. With and without the extension are measured in turn.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import psutil
from machine import describe_machine
from moto.server import ThreadedMotoServer

INSTANCES, CLIENTS, SECONDS, IDLE_SECONDS, STARTS = 50, 20, 15, 90, 5
TOKEN = "only-for-this-benchmark"
CONFIG = """\
[default]
region = us-east-1
endpoint_url = http://127.0.0.1:{port}
aws_access_key_id = none
aws_secret_access_key = none
"""
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serve(
    folder: Path, *options: str, extension: bool, lab: bool = False
) -> Iterator[tuple[str, int, float]]:
    """Start a server; yield its URL, its process id, and the seconds until it answered."""
    port = find_port()
    begun = time.perf_counter()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab" if lab else "jupyter_server"),
            *("--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"),
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={folder}",
            f"--ServerApp.jpserver_extensions={{'dl_magics': {extension}}}",
            *options,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        while not is_up(url):
            time.sleep(0.005)
        yield url, process.pid, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait()


def is_up(url: str) -> bool:
    try:
        fetch(f"{url}api/status")
    except OSError:
        return False
    return True


def fetch(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"Authorization": f"token {TOKEN}"})
    with DIRECT.open(request) as answer:
        return bytes(answer.read())


def measure_answers(url: str, path: str, pause: float) -> list[float]:
    """Return the milliseconds of each answer, with 20 clients at once."""
    taken: list[float] = []
    until = time.monotonic() + SECONDS

    def ask(number: int) -> None:
        time.sleep(pause * number / CLIENTS)
        while time.monotonic() < until:
            begun = time.perf_counter()
            fetch(f"{url}{path}")
            taken.append((time.perf_counter() - begun) * 1000)
            time.sleep(pause)

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return taken


def show_answers(name: str, taken: list[float]) -> None:
    p95 = statistics.quantiles(taken, n=20)[-1]
    print(f"{name}: p50 {statistics.median(taken):.1f} ms, p95 {p95:.1f} ms, {len(taken)} requests")


def measure_idle(folder: Path, *, extension: bool) -> tuple[float, float]:
    """Return the share of a core and the MiB of a server that a panel looks at."""
    with serve(folder, extension=extension) as (url, pid, _):
        process = psutil.Process(pid)
        look = f"{url}dl-magics/instances" if extension else f"{url}api/status"
        fetch(look)
        if extension:
            fetch(f"{url}dl-magics/runs")
        time.sleep(20)
        before = process.cpu_times()
        for _ in range(IDLE_SECONDS // 30):
            fetch(look)
            time.sleep(30)
        after = process.cpu_times()
        used = after.user + after.system - before.user - before.system
        return used / IDLE_SECONDS, process.memory_info().rss / 2**20


def main() -> None:
    print(describe_machine())
    moto = ThreadedMotoServer(port=find_port(), verbose=False)
    moto.start()
    port = moto.get_host_and_port()[1]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "config").write_text(CONFIG.format(port=port))
        os.environ |= {
            "AWS_CONFIG_FILE": str(folder / "config"),
            "DL_MAGICS_HOME": str(folder / "home"),
            "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
            "JUPYTER_DATA_DIR": str(folder / "jupyter"),
            "JUPYTER_RUNTIME_DIR": str(folder / "jupyter"),
        }
        ec2 = boto3.client("ec2")
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        ec2.run_instances(
            ImageId=image, InstanceType="g4dn.xlarge", MinCount=INSTANCES, MaxCount=INSTANCES
        )
        with serve(folder, extension=True) as (url, _, _):
            listed = json.loads(fetch(f"{url}dl-magics/instances"))
            assert len(listed["instances"]) == INSTANCES
            # In turn, so that other load meets both.
            for pause, how in 2 * ((1.0, "each client once a second"), (0.0, "without a pause")):
                for path in ("api/status", "dl-magics/instances"):
                    taken = measure_answers(url, path, pause)
                    show_answers(f"{path}, {CLIENTS} clients, {how}", taken)
        idle = {each: measure_idle(folder, extension=each) for each in (False, True)}
        cpu, memory = (idle[True][each] - idle[False][each] for each in (0, 1))
        print(f"idle, looked at: {cpu:.2%} of a core and {memory:.0f} MiB more than without")
        starts: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(STARTS):
            for extension in starts:
                with serve(folder, extension=extension, lab=True) as (_, _, seconds):
                    starts[extension].append(seconds)
        without, with_it = (statistics.median(starts[each]) for each in (False, True))
        print(
            f"start of JupyterLab: {without:.2f} s without, {with_it:.2f} s with, "
            f"{(with_it - without) * 1000:+.0f} ms (medians of {STARTS}, in turn)"
        )
    moto.stop()


if __name__ == "__main__":
    main()
