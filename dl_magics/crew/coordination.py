"""The process of the scheduler, as a run uses it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from dl_magics.crew import coordinator
from dl_magics.crew.certificates import Credentials
from dl_magics.errors import TrainingFailed
from dl_magics.training.crew.frames import Frame, read_frame

_SECONDS_TO_END = 3.0


class Coordination:
    """A running scheduler; `port` is that of its listener on the loopback. Made by `open`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.port = port
        self._process = process
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, credentials: Credentials, take: Callable[[Frame | None], None]
    ) -> Coordination:
        """Start the process; `take` gets each frame that it writes, and None if it ends.

        Raises
        ------
        TrainingFailed
            if it does not start.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            coordinator.__name__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # An interrupt of the notebook's kernel stops the run, not what it needs for that.
            start_new_session=True,
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(Frame({"op": "begin", "credentials": credentials.to_json()}).encode())
        ready = await read_frame(process.stdout)
        if ready is None:
            raise TrainingFailed(
                f"Dask's scheduler did not start (exit status {await process.wait()}).",
                fix=f"Check it: {sys.executable} -m {coordinator.__name__} </dev/null",
            )
        coordination = cls(process, int(ready.values["port"]))
        coordination._reading = asyncio.create_task(coordination._read(process.stdout, take))
        return coordination

    def send(self, op: str, payload: bytes = b"", **values: Any) -> None:
        """Send a frame; in the thread of the loop."""
        if self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(Frame({"op": op, **values}, payload).encode())

    async def close(self) -> None:
        """End the process."""
        if self._reading:
            self._reading.cancel()
        if self._process.stdin:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_SECONDS_TO_END):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _read(
        self, stream: asyncio.StreamReader, take: Callable[[Frame | None], None]
    ) -> None:
        while frame := await read_frame(stream):
            take(frame)
        take(None)
