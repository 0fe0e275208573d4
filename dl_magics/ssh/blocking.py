"""The event loop of dl_magics and the functions that block until the loop has done their work.

There is one loop per process, in a thread of its own: magics are called inside the notebook's own
running loop, and SSH connections outlive a call. Everything else in `ssh` is `async`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from dl_magics.ssh import commands
from dl_magics.ssh.commands import CommandResult
from dl_magics.ssh.target import SshTarget

T = TypeVar("T")

# On Windows, Ctrl-C is noticed only between two waits.
_POLL_SECONDS = 0.2
_THREAD_NAME = "dl_magics loop"
_loops: dict[int, asyncio.AbstractEventLoop] = {}
_creating = threading.Lock()


def run_command(target: SshTarget, command: str, stdin: str | None = None) -> CommandResult:
    """Blocking twin of `commands.run_command`."""
    return wait_for(commands.run_command(target, command, stdin))


def start_task(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a coroutine on the loop without waiting for it."""
    return asyncio.run_coroutine_threadsafe(work, _loop())


def wait_for(work: Coroutine[Any, Any, T], meanwhile: Callable[[], object] = lambda: None) -> T:
    """Run a coroutine on the loop and return its result; Ctrl-C cancels it.

    `meanwhile` is called in this thread five times a second: to show what the work reports. What it
    raises cancels the work, too.
    """
    given_up: Future[None] = Future()

    async def do_until_given_up() -> T:
        cancel = asyncio.current_task().cancel  # type: ignore[union-attr]  # this one
        loop = asyncio.get_running_loop()
        given_up.add_done_callback(lambda _: loop.call_soon_threadsafe(cancel))
        return await work

    # Ctrl-C may come when the work has begun and its future is not known here yet.
    try:
        future = start_task(do_until_given_up())
        while True:
            try:
                return future.result(_POLL_SECONDS)
            except TimeoutError:
                if future.done():
                    raise
                meanwhile()
    finally:
        given_up.set_result(None)  # work that has ended stays as it is


def call_in_loop(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function in the loop's thread and return its result: for objects of the loop."""

    async def call() -> T:
        return function(*arguments)

    return wait_for(call())


def iterate_over(source: AsyncIterator[T]) -> Iterator[T]:
    """Yield from an asynchronous iterator; close it when the consumer stops."""
    end = object()
    # An interrupt cancels `fetch_next`, which may need some time to end.
    reading = asyncio.Lock()

    async def fetch_next() -> T | object:
        async with reading:
            return await anext(source, end)

    async def end_source(close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async with reading:
            await close()

    try:
        while (value := wait_for(fetch_next())) is not end:
            yield value  # type: ignore[misc]  # `end` is excluded one line above
    finally:
        if close := getattr(source, "aclose", None):
            # The garbage collector may run this in the loop's own thread, which must not wait.
            (start_task if _is_loop_thread() else wait_for)(end_source(close))


def _is_loop_thread() -> bool:
    return threading.current_thread().name == _THREAD_NAME


def _loop() -> asyncio.AbstractEventLoop:
    # A forked child has the parent's loop, but not the thread that runs it.
    with _creating:
        if os.getpid() not in _loops:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name=_THREAD_NAME, daemon=True).start()
            _loops[os.getpid()] = loop
        return _loops[os.getpid()]
