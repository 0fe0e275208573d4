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


async def forward_output(output: asyncio.StreamReader, to: asyncssh.SSHWriter[bytes]) -> None:
    """Forward all output of a process; ignore a client that has closed the channel."""
    while block := await output.read(2**16):
        with suppress(OSError, asyncssh.Error):
            to.write(block)
            await to.drain()


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
