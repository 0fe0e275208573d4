"""What `%load_ext dl_magics` costs, in fresh processes, against an IPython without it.

    python benchmarks/loading.py

IPython itself takes much longer; it is there before anybody can type `%load_ext`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

TIMES = 21
SHELL = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance()"
LOAD = f"{SHELL}; s.run_line_magic('load_ext', 'dl_magics')"
HEAVY = ("boto3", "botocore", "moto", "keras", "tensorflow", "matplotlib", "PIL", "asyncssh")
NONE_OF = f"{LOAD}; import sys; sys.exit(' '.join(n for n in {HEAVY} if n in sys.modules) or 0)"


def main() -> None:
    took: dict[str, list[float]] = {code: [] for code in ("pass", SHELL, LOAD)}
    for _ in range(TIMES):
        for code, times in took.items():
            times.append(seconds(code))
    bare, shell, loaded = (1000 * statistics.median(times) for times in took.values())
    more = statistics.median(1000 * (b - a) for a, b in zip(took[SHELL], took[LOAD], strict=True))
    subprocess.run([sys.executable, "-c", NONE_OF], check=True)
    print(f"python -c pass                {bare:6.0f} ms")
    print(f"an IPython shell              {shell:6.0f} ms")
    print(f"that and %load_ext dl_magics  {loaded:6.0f} ms")
    print(f"so %load_ext costs            {more:6.0f} ms (median of {TIMES} pairs)")
    print(f"and loads none of {', '.join(HEAVY)}")


def seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
