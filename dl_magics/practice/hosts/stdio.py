"""What is typed over SSH, on its way to the command, what that says, and the window's size."""

from __future__ import annotations

import asyncio
import os
import struct
from contextlib import suppress

import asyncssh
import psutil


async def feed(stdin: asyncssh.SSHReader[bytes], child: asyncio.subprocess.Process) -> None:
    """Give a command its input; one that wants no more does not end the connection."""
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


async def said(output: asyncio.StreamReader, to: asyncssh.SSHWriter[bytes]) -> None:
    """Pass on what a command says to its end; who listens no more does not end the connection."""
    while block := await output.read(2**16):
        with suppress(OSError, asyncssh.Error):
            to.write(block)
            await to.drain()


def _resize(pid: int, lines: int, columns: int) -> None:
    """Let what runs in a terminal below this process know its new size."""
    # Neither is on Windows, where no terminal is made.
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
