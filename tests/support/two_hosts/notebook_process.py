"""A notebook's kernel on the laptop of a lab, in a process that can be killed.

It is started as `notebook.py NAMESPACE CELL …` and runs the cells.
"""

from __future__ import annotations

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dl_magics.ssh import blocking
from support.kernel import runner, shell_with_magics
from support.two_hosts import relay

_THREADS = 8


def ask_ec2_outside() -> None:
    """Keep the threads that call EC2 outside of the namespace."""
    pool = ThreadPoolExecutor(_THREADS)
    list(pool.map(lambda _: time.sleep(0.1), range(_THREADS)))
    blocking.wait_for(_use(pool))


async def _use(pool: ThreadPoolExecutor) -> None:
    asyncio.get_running_loop().set_default_executor(pool)


async def _enter(namespace: str) -> None:
    relay.enter(namespace)


if __name__ == "__main__":
    ask_ec2_outside()
    blocking.wait_for(_enter(sys.argv[1]))
    run = runner(shell_with_magics())
    for cell in sys.argv[2:]:
        run(cell)
