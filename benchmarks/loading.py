"""What loading the magics costs, in fresh processes, against `python -c pass` and IPython.

The magics of this folder are registered as the extension does it; boto3 must not be loaded.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

TIMES = 15
SHELL = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance()"
LOAD = (
    "import dl_magics.magics.aws as a, dl_magics.magics.account as b"
    ", dl_magics.magics.practice as c"
    "; s.register_magics(a.AwsMagics, b.AccountMagics, c.PracticeMagics)"
)


def seconds(code: str) -> float:
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def main() -> None:
    bare = seconds("pass")
    shell = seconds(SHELL)
    loaded = seconds(f"{SHELL}; {LOAD}")
    print(f"python -c pass        {bare * 1000:6.0f} ms")
    print(f"an IPython shell      {shell * 1000:6.0f} ms  {shell / bare:.1f} ×")
    print(f"the magics on top     {loaded * 1000:6.0f} ms  {loaded / bare:.1f} ×")
    print(f"so loading costs      {(loaded - shell) * 1000:6.0f} ms")


if __name__ == "__main__":
    main()
