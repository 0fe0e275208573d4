"""Forward input, output and window size between an SSH channel and a process."""

from __future__ import annotations

import asyncio
import os
import struct
from contextlib import suppress

import asyncssh
import psutil


async def forward_input(
    stdin: asyncssh.SSHReader[bytes], child: asyncio.subprocess.Process
) -> None:
    """Forward the input of the channel to a process until either closes."""
    assert child.stdin
    with suppress(OSError, asyncssh.Error):
        while True:
            try:
                block = await stdin.read(2**16)
            except asyncssh.TerminalSizeChanged as window:
                _resize(child.pid, window.height, window.width)
                continue
            if not block:
                break
            child.stdin.write(block)
            await child.stdin.drain()
    child.stdin.close()


class OutputPipe:
    """The pipe that a process writes to: `end` is its end of it, to be closed once it has begun.

    As with sshd, the pipe is closed when the client has left: what still writes to it is ended.
    """

    def __init__(self, reader: asyncio.StreamReader, pipe: asyncio.ReadTransport, end: int) -> None:
        self._reader, self._pipe, self.end = reader, pipe, end

    @classmethod
    async def open(cls) -> OutputPipe:
        """Return an open pipe."""
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        ours, end = os.pipe()
        pipe, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", buffering=0)
        )
        return cls(reader, pipe, end)

    async def forward(self, to: asyncssh.SSHWriter[bytes]) -> None:
        """Forward all output of the process, until it ends or the client has closed the channel."""
        try:
            while block := await self._reader.read(2**16):
                to.write(block)
                await to.drain()
        except (OSError, asyncssh.Error):
            pass
        finally:
            self._pipe.close()


def _resize(pid: int, lines: int, columns: int) -> None:
    """Set the window size of the terminal that runs below this process."""
    # Neither module exists on Windows, where hosts have no terminal.
    import fcntl
    import termios

    with suppress(psutil.Error, OSError):
        for shell in psutil.Process(pid).children():
            if not (name := shell.terminal()):
                continue
            terminal = os.open(name, os.O_RDWR | os.O_NOCTTY)
            try:
                fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
            finally:
                os.close(terminal)
