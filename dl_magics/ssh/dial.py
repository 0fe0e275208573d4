"""Open one SSH connection: options for asyncssh, and attempts in parallel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from dl_magics.ssh.target import SshTarget

if TYPE_CHECKING:
    import asyncssh

    _Connection = asyncssh.SSHClientConnection

CONNECT_SECONDS = 10
_NEXT_ATTEMPT_SECONDS = 1.0
_KEEPALIVE_SECONDS = 3
_KEEPALIVE_COUNT = 3
# The fastest first; all of them are authenticated.
_CIPHERS = [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
]


# asyncio calls it for each block of bytes that the socket received.
_CALLBACK = "data_received"
_received: WeakKeyDictionary[_Connection, int] = WeakKeyDictionary()


async def open_connection(target: SshTarget, host_keys: bytes) -> _Connection:
    """Open a connection that accepts only `host_keys`; asyncssh's own errors are raised.

    Parameters
    ----------
    target
        The host.
    host_keys
        known_hosts lines; b"" checks against the user's own known_hosts.
    """
    import asyncssh

    options: dict[str, Any] = {"username": target.user, "port": target.port}
    options = {name: value for name, value in options.items() if value}
    if target.key_file:
        options.update(client_keys=[str(target.key_file)], agent_path=None)
    if host_keys:
        options.update(known_hosts=host_keys, host_key_alias=target.alias)

    def attempt(client: type[asyncssh.SSHClient]) -> Awaitable[_Connection]:
        return asyncssh.connect(
            target.host,
            client_factory=client,
            config=target.config_files,
            connect_timeout=CONNECT_SECONDS,
            login_timeout=CONNECT_SECONDS,
            keepalive_interval=_KEEPALIVE_SECONDS,
            keepalive_count_max=_KEEPALIVE_COUNT,
            encryption_algs=_CIPHERS,
            **options,
        )

    return await _first_to_connect(attempt)


async def _first_to_connect(attempt: Callable[[Any], Awaitable[_Connection]]) -> _Connection:
    """Start an attempt each second until one gets through: TCP itself backs off much longer."""
    import asyncssh

    attempts: dict[asyncio.Future[Any], asyncio.Future[_Connection]] = {}
    try:
        while True:
            through = asyncio.get_running_loop().create_future()

            class Client(asyncssh.SSHClient):
                def connection_made(
                    self, conn: asyncssh.SSHClientConnection, through: Any = through
                ) -> None:
                    _count_bytes(conn)
                    if not through.done():
                        through.set_result(None)

            attempts[through] = asyncio.ensure_future(attempt(Client))
            waiting: list[asyncio.Future[Any]] = [*attempts, *attempts.values()]
            await asyncio.wait(
                waiting,
                timeout=_NEXT_ATTEMPT_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for through, task in attempts.items():
                if through.done() or task.done():
                    return await task
    finally:
        for task in attempts.values():
            task.cancel()


def bytes_received(connection: _Connection) -> int:
    """Return how many bytes a connection has received: its sign of life.

    A transfer, a keepalive reply and a message of a kernel all count. A user of a shared connection
    that waits for its own reply cannot tell a dead line from one that is busy with other data.
    """
    return _received.get(connection, 0)


def _count_bytes(connection: _Connection) -> None:
    """Count the bytes that this connection receives from now on."""
    process = connection.data_received
    _received[connection] = 0

    def count_and_process(data: bytes, datatype: int | None = None) -> None:
        _received[connection] += len(data)
        process(data, datatype)

    setattr(connection, _CALLBACK, count_and_process)
