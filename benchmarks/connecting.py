"""From `%gpu_connect` to the first result, as a person waits for it; as root, with real OpenSSH.

    python benchmarks/connecting.py [TIMES]     # about a minute for 3 times

A notebook that was never connected types `%gpu_connect user@host`, then a first `%%gpu` cell, at
0 and at 50 ms round trip. Each time it is a fresh SSH connection, a look at what is installed
there, a new agent and a new kernel. Prints the medians.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

import link  # noqa: E402, F401 - it gives us a home of our own

STEPS = ("%gpu_connect", "the first cell", "both")


def main(times: int) -> None:
    from machine import machine

    from lab import Lab, missing

    if why := missing():
        sys.exit(f"No lab of two hosts here: {why}")
    print(machine())
    lab = Lab()
    try:
        environments = lab.folder / "home" / ".venvs"
        environments.mkdir()
        (environments / "keras").symlink_to(sys.prefix)
        print(f"\nseconds (median of {times})          " + "".join(f"{step:>15}" for step in STEPS))
        for delay in (0, 0.025):
            lab.wire(f"delay {delay}")
            with lab.entered():
                rounds = [evening(lab, f"{delay}-{n}.ipynb") for n in range(times)]
            medians = map(statistics.median, zip(*rounds, strict=True))
            shown = "".join(f"{each:15.2f}" for each in medians)
            print(f"{2000 * delay:.0f} ms round trip".ljust(32) + shown, flush=True)
    finally:
        lab.close()


def evening(lab, notebook: str) -> tuple[float, float, float]:
    """Connect a new notebook and run its first cell; return how long each took."""
    from connected import runner, shell_with_magics
    from dl_magics.actions import connect
    from dl_magics.remote import connection, hostkeys, keys, loop

    there = f"root@{lab.address}"
    hostkeys.pin(there, keys.ensure("lab-host").public)
    os.environ["JPY_SESSION_NAME"] = notebook
    run = runner(shell_with_magics())
    with contextlib.redirect_stdout(io.StringIO()) as said:
        connecting = seconds(
            lambda: run(f"%gpu_connect {there} --env keras --identity {keys.ensure('lab').file}")
        )
        first = seconds(lambda: run("%%gpu\nprint(6 * 7)"))
    assert said.getvalue().endswith("42\n"), said.getvalue()
    connect.disconnect(end_kernel=True)
    loop.wait(connection.drop(there))
    return connecting, first, connecting + first


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
