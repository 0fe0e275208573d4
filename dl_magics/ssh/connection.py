"""One SSH connection per host, shared by everything that needs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dl_magics.errors import LoginRefused, NoAnswer
from dl_magics.ssh import dial, host_key_check
from dl_magics.ssh.target import SshTarget

if TYPE_CHECKING:
    import asyncssh


@dataclass(frozen=True, slots=True)
class _Shared:
    target: SshTarget
    host_keys: bytes
    connection: asyncssh.SSHClientConnection
    first_session: asyncio.Task[Any]


_shared: dict[str, _Shared] = {}
_connecting: dict[str, asyncio.Lock] = {}


async def connect_shared(target: SshTarget) -> asyncssh.SSHClientConnection:
    """Return the shared connection to a host; reconnect if it broke or the target changed.

    Raises
    ------
    NoAnswer, LoginRefused, HostKeyRefused
        if it cannot be opened.
    """
    async with _connecting.setdefault(target.alias, asyncio.Lock()):
        host_keys = host_key_check.expected_keys(target)
        shared = _shared.get(target.alias)
        if shared and (shared.target, shared.host_keys) == (target, host_keys):
            if not shared.connection.is_closed():
                return shared.connection
        elif shared:
            shared.connection.abort()
        with translate_errors(target):
            connection = await dial.open_connection(target, host_keys)
        # sshd sends small packets without delay only once a session was opened on the connection.
        first_session = asyncio.ensure_future(connection.run("true", check=False))
        first_session.add_done_callback(_retrieve_exception)
        _shared[target.alias] = _Shared(target, host_keys, connection, first_session)
        return connection


async def drop_shared(alias: str) -> None:
    """Abort the shared connection to a host, if there is one, without waiting for the host."""
    if shared := _shared.pop(alias, None):
        shared.connection.abort()


@asynccontextmanager
async def connect_private(target: SshTarget) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Open a new connection for the block and close it at the end."""
    with translate_errors(target):
        host_keys = host_key_check.expected_keys(target)
        async with await dial.open_connection(target, host_keys) as connection:
            yield connection


@contextmanager
def translate_errors(target: SshTarget) -> Iterator[None]:
    """Translate errors of asyncssh and of the network to NoAnswer, LoginRefused, HostKeyRefused."""
    import asyncssh

    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        raise host_key_check.mismatch(target) from error
    except asyncssh.PermissionDenied as error:
        raise LoginRefused(
            f"{target.name} refused the login of {target.user or 'the default user'}: "
            "it accepts none of the offered keys.",
            fix="The instance was launched with another key pair: name its file with -i KEY."
            if target.is_instance
            else "Name another user or another key: "
            f"%gpu_connect USER@{target.host} --identity KEY",
        ) from error
    except (asyncssh.Error, OSError) as error:
        raise NoAnswer(
            f"SSH connection to {target.name} ({target.host}) failed: {error}",
            fix="%aws_start allows your current IP address and waits until SSH responds."
            if target.is_instance
            else "Try it in a terminal: " + " ".join(target.command_line()),
        ) from error


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception of a task: asyncio logs one that is never retrieved."""
    if not task.cancelled():
        task.exception()
