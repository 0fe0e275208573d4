"""Threads that stay outside of the network namespaces of a lab, where the practice cloud is.

A thread is in the namespace of the thread that started it. Calls of AWS run in the worker threads
of the event loop, whose own thread is on the laptop of the lab.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier

from dl_magics.ssh import blocking

_THREADS = 8


def use_threads_of_here() -> None:
    """Give the event loop worker threads that the first caller has started, all at once."""
    blocking.wait_for(_use(_start_threads()))


@cache
def _start_threads() -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(_THREADS)
    together = Barrier(_THREADS)
    list(pool.map(lambda _: together.wait(), range(_THREADS)))
    return pool


async def _use(pool: ThreadPoolExecutor) -> None:
    asyncio.get_running_loop().set_default_executor(pool)
