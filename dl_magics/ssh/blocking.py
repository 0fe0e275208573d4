"""One event loop for all that waits for the network, in a thread of its own.

Magics are called where the notebook's own loop already runs; connections outlive the call.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

# Windows hears Ctrl-C only between two waits.
_LOOK_SECONDS = 0.2
_NAME = "dl_magics loop"
_loops: dict[int, asyncio.AbstractEventLoop] = {}
_making = threading.Lock()


def start_task(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Let a coroutine go on by itself."""
    return asyncio.run_coroutine_threadsafe(work, _loop())


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return what it returns; Ctrl-C ends it."""
    future = start_task(work)
    try:
        while True:
            try:
                return future.result(_LOOK_SECONDS)
            except TimeoutError:
                if future.done():
                    raise
    except KeyboardInterrupt:
        future.cancel()
        raise


def call_in_loop(function: Callable[..., T], *words: Any) -> T:
    """Call a function in the loop's thread, where what lives there may be touched."""

    async def calling() -> T:
        return function(*words)

    return wait_for(calling())


def iterate_over(source: AsyncIterator[T]) -> Iterator[T]:
    """Yield what an asynchronous iterator yields; it is closed where nobody wants more."""
    end = object()

    async def following() -> T | object:
        return await anext(source, end)

    try:
        while (value := wait_for(following())) is not end:
            yield value  # type: ignore[misc]  # the end is told apart one line above
    finally:
        if close := getattr(source, "aclose", None):
            # What nobody holds any more may be collected in the loop's own thread.
            (start_task if _is_inside() else wait_for)(close())


def _is_inside() -> bool:
    return threading.current_thread().name == _NAME


def _loop() -> asyncio.AbstractEventLoop:
    # A forked child has the parent's loop, but not the thread that turns it.
    with _making:
        if os.getpid() not in _loops:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name=_NAME, daemon=True).start()
            _loops[os.getpid()] = loop
        return _loops[os.getpid()]
