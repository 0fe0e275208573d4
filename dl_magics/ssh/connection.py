"""One SSH connection per host, shared by everything that needs it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dl_magics.errors import HostKeyRefused, NoAnswer
from dl_magics.ssh import dial, host_key_check, ssh_config
from dl_magics.ssh.target import SshTarget

if TYPE_CHECKING:
    import asyncssh

    _Connection = asyncssh.SSHClientConnection


@dataclass(frozen=True, slots=True)
class _Shared:
    target: SshTarget
    host_keys: bytes
    connection: asyncssh.SSHClientConnection
    first_session: asyncio.Task[Any]


@dataclass(frozen=True, slots=True)
class OfferedKey:
    """The public key that the host called `name` presents, and its SHA256 fingerprint."""

    alias: str
    name: str
    public: str
    fingerprint: str


# More than the replies to keepalives, less than the acknowledgements of a slow upload.
_IDLE_SECONDS, _IDLE_BYTES = 3.0, 150
_shared: dict[str, _Shared] = {}
_connecting: dict[str, asyncio.Lock] = {}


async def connect_shared(target: SshTarget) -> asyncssh.SSHClientConnection:
    """Return the shared connection to a host; reconnect if it broke or the target changed.

    Raises
    ------
    BadSetting, NoAnswer, LoginRefused, HostKeyRefused
        if it cannot be opened.
    """
    import asyncssh

    async with _connecting.setdefault(target.alias, asyncio.Lock()):
        host_keys = host_key_check.expected_keys(target)
        shared = _shared.get(target.alias)
        if shared and (shared.target, shared.host_keys) == (target, host_keys):
            if not shared.connection.is_closed():
                return shared.connection
        elif shared:
            shared.connection.abort()
        connection = await _open(target)
        # sshd sends small packets without delay only once a session was opened on the connection.
        quiet = {"stdout": asyncssh.DEVNULL, "stderr": asyncssh.DEVNULL}
        first_session = asyncio.ensure_future(connection.run("true", check=False, **quiet))
        first_session.add_done_callback(_retrieve_exception)
        _shared[target.alias] = _Shared(target, host_keys, connection, first_session)
        return connection


async def drop_idle(alias: str) -> None:
    """Abort the shared connection to a host unless a transfer goes on over it.

    Sessions that hang stay open on the host, which allows ten on one connection.
    """
    if shared := _shared.get(alias):
        before = dial.bytes_received(shared.connection)
        await asyncio.sleep(_IDLE_SECONDS)
        if dial.bytes_received(shared.connection) - before <= _IDLE_BYTES:
            await drop_shared(alias)


async def drop_shared(alias: str) -> None:
    """Abort the shared connection to a host, if there is one, without waiting for the host."""
    if shared := _shared.pop(alias, None):
        shared.connection.abort()


@asynccontextmanager
async def connect_private(target: SshTarget) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Open a new connection for the block and close it at the end."""
    async with await _open(target) as connection:
        yield connection


async def scan_host_key(target: SshTarget) -> OfferedKey:
    """Return the host key that a host presents, without checking it.

    Where a jump host on the way to it has an unknown key, it is that key.

    Raises
    ------
    NoAnswer
        if SSH does not respond.
    """
    config = await asyncio.to_thread(ssh_config.read_options, target)
    jump = target.next_jump(config)
    try:
        tunnel = await _open(jump, (target.alias,)) if jump else None
    except HostKeyRefused:
        if jump is None:
            raise
        return await scan_host_key(jump)
    try:
        with translate_errors(target):
            key = await dial.fetch_host_key(target, config, tunnel)
    finally:
        if tunnel:
            tunnel.abort()
    if key is None:
        raise NoAnswer(
            f"{target.name} presents no host key.",
            fix=f"%aws_start {target.alias} waits until SSH responds.",
        )
    public = key.export_public_key("openssh").decode().strip()
    return OfferedKey(target.alias, target.name, public, key.get_fingerprint())


async def _open(target: SshTarget, route: tuple[str, ...] = ()) -> _Connection:
    """Open a connection, through a jump host where the configuration names one.

    `route` holds the aliases of the hosts that are reached through this one.
    """
    if target.alias in route:
        raise NoAnswer(
            f"ProxyJump of {target.name} leads back to it.",
            fix=f"Add to ~/.ssh/config, before the other lines: Host {target.host}, below it: "
            "ProxyJump none",
        )
    host_keys = host_key_check.expected_keys(target)
    config = await asyncio.to_thread(ssh_config.read_options, target)
    jump = target.next_jump(config)
    tunnel = await _open(jump, (*route, target.alias)) if jump else None
    try:
        with translate_errors(target):
            return await dial.open_connection(target, config, host_keys, tunnel)
    except BaseException:
        if tunnel:
            tunnel.abort()
        raise


@contextmanager
def translate_errors(target: SshTarget) -> Iterator[None]:
    """Translate errors of asyncssh and of the network to NoAnswer and HostKeyRefused."""
    import asyncssh

    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        raise host_key_check.mismatch(target) from error
    except (asyncssh.Error, OSError) as error:
        address = f" ({target.host})" if target.host != target.name else ""
        raise NoAnswer(
            f"SSH connection to {target.name}{address} failed: {error}",
            fix=f"%aws_start {target.alias} allows your current IP address and waits until SSH "
            "responds."
            if target.is_instance
            else "Try it in a terminal: " + shlex.join(target.command_line()),
        ) from error


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception of a task: asyncio logs one that is never retrieved."""
    if not task.cancelled():
        task.exception()
