"""Open one SSH connection: attempts in parallel, and why a login was refused."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from dl_magics.errors import LoginRefused
from dl_magics.ssh import keys
from dl_magics.ssh.connect_options import choose_login, choose_network
from dl_magics.ssh.ssh_config import Options
from dl_magics.ssh.target import SshTarget

if TYPE_CHECKING:
    import asyncssh

    _Connection = asyncssh.SSHClientConnection

CONNECT_SECONDS = 10
_NEXT_ATTEMPT_SECONDS = 1.0
_KEEPALIVE_SECONDS = 3
_KEEPALIVE_COUNT = 3


# asyncio calls it for each block of bytes that the socket received.
_CALLBACK = "data_received"
_received: WeakKeyDictionary[_Connection, int] = WeakKeyDictionary()


@dataclass(slots=True)
class _Login:
    """What a host asked for while it refused the login."""

    methods: set[str] = field(default_factory=set)
    encrypted: list[str] = field(default_factory=list)

    def ask_passphrase(self, file: str) -> str | None:
        passphrase = keys.known_passphrase(file)
        if passphrase is None:
            self.encrypted.append(file)
        return passphrase

    def refusal(self, target: SshTarget, user: str) -> LoginRefused:
        refused = f"{target.name} refused the login of {user}"
        if self.encrypted:
            file = self.encrypted[0]
            return keys.PassphraseRequired(
                f"The key file {file} is encrypted: its passphrase is required.",
                fix=f"%gpu_connect {target.typed_name} asks for it once; or add the "
                f"key to your ssh-agent: ssh-add {shlex.quote(file)}",
                key_file=file,
            )
        if self.methods and "publickey" not in self.methods:
            port = f"-p {target.port} " if target.port else ""
            return LoginRefused(
                f"{refused}: it accepts only a password, and dl_magics logs in with a key.",
                fix=f"Copy your public key to it: ssh-copy-id {port}{user}@{target.host}",
            )
        return LoginRefused(
            f"{refused}: it accepts none of the offered keys.",
            fix="It has another user or was launched with another key pair; name them: "
            f"%aws_get {target.typed_name} --user USER --identity KEY"
            if target.is_instance
            else f"Name another user or another key: %gpu_connect USER@{target.host} "
            "--identity KEY",
        )


async def open_connection(
    target: SshTarget, config: Options, host_keys: bytes, tunnel: _Connection | None = None
) -> _Connection:
    """Open a connection that accepts only `host_keys`; asyncssh's own errors are raised.

    Parameters
    ----------
    target, config
        The host and its configuration.
    host_keys
        known_hosts lines; b"" checks against the user's own known_hosts.
    tunnel
        The connection to the last jump host; it is closed with the new one.

    Raises
    ------
    LoginRefused
        if the host accepts no key.
    """
    import asyncssh

    login = _Login()
    network = {**choose_network(target, config), "tunnel": tunnel or ()}
    options = {
        **network,
        **choose_login(target, config, host_keys, login.ask_passphrase),
        "connect_timeout": CONNECT_SECONDS,
        "login_timeout": CONNECT_SECONDS,
        "keepalive_interval": _KEEPALIVE_SECONDS,
        "keepalive_count_max": _KEEPALIVE_COUNT,
    }

    def attempt(client: type[asyncssh.SSHClient]) -> Awaitable[_Connection]:
        return asyncssh.connect(client_factory=client, **options)

    try:
        connection = await _first_to_connect(attempt, login.methods)
    except asyncssh.PermissionDenied as error:
        raise login.refusal(target, options["username"]) from error
    connection.set_tunnel(tunnel)
    return connection


async def fetch_host_key(
    target: SshTarget, config: Options, tunnel: _Connection | None = None
) -> asyncssh.SSHKey | None:
    """Return the host key that a host presents, as ssh-keyscan does, without checking it."""
    import asyncssh

    network = choose_network(target, config)
    return await asyncio.wait_for(
        asyncssh.get_server_host_key(tunnel=tunnel or (), **network), CONNECT_SECONDS
    )


async def _first_to_connect(
    attempt: Callable[[Any], Awaitable[_Connection]], methods: set[str]
) -> _Connection:
    """Start an attempt each second until one gets through: TCP itself backs off much longer.

    The ways to log in that the host offers, beyond the keys that it refused, are put in `methods`.
    """
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

                def public_key_auth_requested(self) -> None:
                    methods.add("publickey")

                def password_auth_requested(self) -> None:
                    methods.add("password")

                def kbdint_auth_requested(self) -> None:
                    methods.add("keyboard-interactive")

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
