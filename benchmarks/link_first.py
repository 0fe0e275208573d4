"""From `%gpu_connect` in a fresh notebook kernel to the first result; started by link.py."""

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


def main(where: str, key_file: str) -> None:
    """Print when the table, the kernel and the first result were there, in seconds."""
    folder = tempfile.mkdtemp()
    os.environ.update(JPY_SESSION_NAME=f"{folder}/first.ipynb", JUPYTER_DATA_DIR=folder)
    manager, client = start_new_kernel(kernel_name="python3", stderr=subprocess.DEVNULL)
    try:
        came(client, "%load_ext dl_magics", "status")
        began = time.monotonic()
        # What is found there is displayed before the kernel is started.
        table, connected = came(
            client, f"%gpu_connect {where} --identity {key_file}", "display_data"
        )
        result, _ = came(client, "%%gpu\n6 * 7", "execute_result", "display_data")
        seconds = {"probe": table - began, "attach": connected - table}
        print(json.dumps({**seconds, "first cell": result - connected, "whole": result - began}))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def came(client: KernelClient, code: str, *kinds: str) -> tuple[float, float]:
    """Run a cell; return when the first message of a kind came, and when it was done."""
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
