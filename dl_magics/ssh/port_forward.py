"""Forward a local port on 127.0.0.1 to a Unix socket on a host."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from dl_magics.errors import DLMagicsError
from dl_magics.ssh import connection
from dl_magics.ssh.target import SshTarget

_CHUNK = 65536
_open: dict[tuple[str, str], asyncio.Server] = {}


class _Reader(Protocol):
    async def read(self, n: int) -> bytes: ...


class _Writer(Protocol):
    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    def close(self) -> None: ...


async def forward_to_socket(target: SshTarget, path: str) -> int:
    """Return a local port that is forwarded to the socket as long as this process lives.

    Each connection to the port opens its own channel: one that breaks does not close the port.
    """
    key = (target.alias, path)
    if key in _open:
        _open.pop(key).close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, DLMagicsError):
            with connection.translate_errors(target):
                shared = await connection.connect_shared(target)
                remote = await shared.open_unix_connection(path, encoding=None)
            await asyncio.gather(_pump(reader, remote[1]), _pump(remote[0], writer))
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
