"""Time `%gpu_connect` and the first `%%gpu` in a fresh notebook kernel; started by link.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time

from jupyter_client import KernelClient
from jupyter_client.manager import start_new_kernel

PATIENCE = 120


def main(host: str, key_file: str) -> None:
    """Print the seconds to the table of environments, to the kernel and to the first result."""
    folder = tempfile.mkdtemp()
    os.environ.update(JPY_SESSION_NAME=f"{folder}/first.ipynb", JUPYTER_DATA_DIR=folder)
    manager, client = start_new_kernel(kernel_name="python3", stderr=subprocess.DEVNULL)
    try:
        run_cell(client, "%load_ext dl_magics", "status")
        began = time.monotonic()
        # The environments are displayed before the kernel starts.
        table, connected = run_cell(
            client, f"%gpu_connect {host} --identity {key_file}", "display_data"
        )
        result, _ = run_cell(client, "%%gpu\n6 * 7", "execute_result", "display_data")
        seconds = {"probe": table - began, "attach": connected - table}
        print(json.dumps({**seconds, "first cell": result - connected, "whole": result - began}))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run_cell(client: KernelClient, code: str, *kinds: str) -> tuple[float, float]:
    """Run a cell; return the times of the first message of these kinds and of the end."""
    at: list[float] = []

    def note(message: dict) -> None:
        if message["msg_type"] in kinds:
            at.append(time.monotonic())

    reply = client.execute_interactive(code, output_hook=note, timeout=PATIENCE)
    if reply["content"]["status"] != "ok" or not at:
        sys.exit(f"{code}: {reply['content']}")
    return at[0], time.monotonic()


if __name__ == "__main__":
    main(*sys.argv[1:])
