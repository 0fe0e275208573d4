"""Compare `%load_ext dl_magics` with importing IPython in the same process.

    python benchmarks/load_ext.py

The result is a ratio, which holds on a busy machine, too. The target is at most 0.25.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from machine import describe_machine

TIMES = 21
MEASURE = """
import time

began = time.perf_counter()
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magics import extension

shell = InteractiveShell.instance()
ready = time.perf_counter()
shell.run_line_magic("load_ext", "dl_magics")
print(ready - began, time.perf_counter() - ready)
"""
HEAVY = ("boto3", "botocore", "moto", "keras", "tensorflow", "matplotlib", "PIL", "asyncssh")
NONE_OF = f"{MEASURE}import sys; sys.exit(' '.join(n for n in {HEAVY} if n in sys.modules) or 0)"


def main() -> None:
    run_code(NONE_OF)  # it also writes the bytecode, as pip does
    pairs = [tuple(map(float, run_code(MEASURE).split())) for _ in range(TIMES)]
    ipython, load = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    ratio = statistics.median(load / ipython for ipython, load in pairs)
    print(describe_machine())
    print(f"importing IPython and making a shell  {ipython:6.0f} ms")
    print(f"%load_ext dl_magics after it          {load:6.0f} ms")
    print(f"ratio                                 {ratio:6.2f} (median of {TIMES} processes)")
    print(f"It imports none of {', '.join(HEAVY)}.")


def run_code(code: str) -> str:
    """Run code in a process that may write bytecode; return its output."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


if __name__ == "__main__":
    main()
