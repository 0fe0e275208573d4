"""A port on this computer's loopback that leads to a Unix socket on an instance."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from dl_magics.errors import DLMagicsError
from dl_magics.ssh import blocking, connection
from dl_magics.ssh.target import SshTarget

_CHUNK = 65536
_open: dict[tuple[str, str], asyncio.Server] = {}


class _Reader(Protocol):
    async def read(self, n: int) -> bytes: ...


class _Writer(Protocol):
    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    def close(self) -> None: ...


def forward_to_socket(login: SshTarget, path: str) -> int:
    """Return the port that leads to the socket, for as long as this process lives.

    Each connection to the port finds its own way: one that breaks leaves the port as it is.
    """
    return blocking.wait_for(_to_socket(login, path))


async def _to_socket(login: SshTarget, path: str) -> int:
    key = (login.alias, path)
    if key in _open:
        _open.pop(key).close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, DLMagicsError):
            with connection.translate_errors(login):
                there = await connection.connect_shared(login)
                far = await there.open_unix_connection(path, encoding=None)
            await asyncio.gather(_pump(reader, far[1]), _pump(far[0], writer))
        writer.close()

    _open[key] = await asyncio.start_server(serve, "127.0.0.1", 0)
    port: int = _open[key].sockets[0].getsockname()[1]
    return port


async def _pump(reader: _Reader, writer: _Writer) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
