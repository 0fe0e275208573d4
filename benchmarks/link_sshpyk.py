"""Run the cells through sshpyk; started by link.py in an environment that has it."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from queue import Empty

from jupyter_client import KernelManager

PATIENCE = 20


def main(what: str, config: str, rounds: str, code: str, last: str) -> None:
    folder = Path(tempfile.mkdtemp())
    ssh = folder / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {config} "$@"\n')
    ssh.chmod(0o755)
    settings = {
        "ssh": str(ssh),
        "ssh_host_alias": "host",
        "remote_python": sys.executable,
        "remote_kernel_name": "remote",
    }
    provisioner = {"provisioner_name": "sshpyk-provisioner", "config": settings}
    spec = {
        "argv": [],
        "display_name": "remote",
        "language": "python",
        "interrupt_mode": "message",
        "metadata": {"kernel_provisioner": provisioner},
    }
    kernels = folder / "kernels" / "remote"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text(json.dumps(spec))
    os.environ.update(JUPYTER_PATH=str(folder), JUPYTER_RUNTIME_DIR=str(folder))
    manager = KernelManager(kernel_name="remote")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(60)
    try:
        print(
            json.dumps(
                round_trips(client, int(rounds))
                if what == "round_trips"
                else lost(manager, client, code, last)
            )
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def round_trips(client, rounds: int) -> dict:
    medians = []
    for delay in (0, 0.025):
        print(f"delay {delay}", flush=True)
        sys.stdin.readline()
        took = []
        for _ in range(rounds):
            started = time.perf_counter()
            client.execute_interactive("1", output_hook=lambda _: None, timeout=PATIENCE)
            took.append(time.perf_counter() - started)
        medians.append(statistics.median(took) * 1000)
    print("delay 0", flush=True)
    sys.stdin.readline()
    return {"milliseconds": medians}


def lost(manager, client, code: str, last: str) -> dict:
    print("begun", flush=True)
    client.execute(code)
    came: list[tuple[float, str]] = []
    deadline = time.monotonic() + 75.0
    while time.monotonic() < deadline and f"{last}\n" not in "".join(text for _, text in came):
        try:
            message = client.get_iopub_msg(timeout=1)
        except Empty:
            # Jupyter polls this, and sshpyk repairs its tunnels when it does.
            manager.is_alive()
            continue
        if message["msg_type"] == "stream":
            came.append((time.monotonic(), message["content"]["text"]))
    return {"came": came}


if __name__ == "__main__":
    main(*sys.argv[1:])
