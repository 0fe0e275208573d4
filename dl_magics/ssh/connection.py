"""The SSH connection to an instance: one, shared by all that goes there, its host key checked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from dl_magics.errors import HostKeyRefused, LoginRefused, NoAnswer
from dl_magics.ssh import known_hosts
from dl_magics.ssh.target import SshTarget

if TYPE_CHECKING:
    import asyncssh

    _Connection = asyncssh.SSHClientConnection

CONNECT_SECONDS = 10
_AGAIN_SECONDS = 1.0
_ALIVE_SECONDS = 3
_TIMES_UNANSWERED = 3
# The fastest first; all of them are authenticated.
_CIPHERS = [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
]


@dataclass(frozen=True, slots=True)
class _Shared:
    login: SshTarget
    known: bytes
    connection: asyncssh.SSHClientConnection
    awake: asyncio.Task[Any]


_shared: dict[str, _Shared] = {}
_connecting: dict[str, asyncio.Lock] = {}
_took: WeakKeyDictionary[_Connection, float] = WeakKeyDictionary()


async def connect_shared(login: SshTarget) -> asyncssh.SSHClientConnection:
    """Return the connection to this instance; it is made anew where it broke or leads elsewhere.

    Raises
    ------
    NoAnswer, LoginRefused, HostKeyRefused
        where it cannot be made.
    """
    async with _connecting.setdefault(login.alias, asyncio.Lock()):
        known = _known(login)
        open_ = _shared.get(login.alias)
        if open_ and (open_.login, open_.known) == (login, known):
            if not open_.connection.is_closed():
                return open_.connection
        elif open_:
            open_.connection.abort()
        connection = await _connect(login, known)
        # sshd sends small answers at once only after a session was opened on the connection.
        awake = asyncio.ensure_future(connection.run("true", check=False))
        awake.add_done_callback(_ignored)
        _shared[login.alias] = _Shared(login, known, connection, awake)
        return connection


def note_progress(there: _Connection) -> None:
    """Note that the other side takes what is sent, however long that is under way."""
    _took[there] = time.time()


def last_progress(there: _Connection) -> float:
    """Return when the other side last took something, in seconds since 1970."""
    return _took.get(there, 0.0)


async def drop_shared(alias: str) -> None:
    """Give the connection up, without asking the other side."""
    if open_ := _shared.pop(alias, None):
        open_.connection.abort()


@asynccontextmanager
async def connect_private(login: SshTarget) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Make a connection of its own, for as long as the block lasts."""
    async with await _connect(login, _known(login)) as connection:
        with translate_errors(login):
            yield connection


@contextmanager
def translate_errors(login: SshTarget) -> Iterator[None]:
    """Turn what asyncssh raises into our errors."""
    import asyncssh

    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        raise _refused(login) from error
    except asyncssh.PermissionDenied as error:
        raise LoginRefused(
            f"{login.name} does not let in {login.user or 'you'} with our key.",
            fix="It was made with another key pair: %aws_ssh shows the ssh command; add -i KEY."
            if login.is_instance
            else f"Another user, or another key: %gpu_connect USER@{login.host} --identity KEY",
        ) from error
    except (asyncssh.Error, OSError) as error:
        raise NoAnswer(
            f"SSH does not answer on {login.name} ({login.host}): {error}",
            fix="%aws_start points the rule at your present address and waits for it."
            if login.is_instance
            else "Try it in a terminal: " + " ".join(login.command_line()),
        ) from error


async def fetch_host_key(login: SshTarget) -> tuple[str, str]:
    """Ask the host for its key, and trust nothing: return the key and its fingerprint."""
    import asyncssh

    port: dict[str, Any] = {"port": login.port} if login.port else {}
    with translate_errors(login):
        key = await asyncio.wait_for(
            asyncssh.get_server_host_key(login.host, config=_config(login), **port),
            CONNECT_SECONDS,
        )
    if key is None:
        raise NoAnswer(f"{login.name} shows no host key.", fix="%aws_start waits for it.")
    return key.export_public_key("openssh").decode().strip(), key.get_fingerprint()


async def _connect(login: SshTarget, known: bytes) -> asyncssh.SSHClientConnection:
    import asyncssh

    options: dict[str, Any] = {"username": login.user, "port": login.port}
    options = {name: value for name, value in options.items() if value}
    if login.key_file:
        options.update(client_keys=[str(login.key_file)], agent_path=None)
    if known:
        options.update(known_hosts=known, host_key_alias=login.alias)

    def attempt(client: type[asyncssh.SSHClient]) -> Awaitable[_Connection]:
        return asyncssh.connect(
            login.host,
            client_factory=client,
            config=_config(login),
            connect_timeout=CONNECT_SECONDS,
            login_timeout=CONNECT_SECONDS,
            keepalive_interval=_ALIVE_SECONDS,
            keepalive_count_max=_TIMES_UNANSWERED,
            encryption_algs=_CIPHERS,
            **options,
        )

    with translate_errors(login):
        return await _first(attempt)


async def _first(attempt: Callable[[Any], Awaitable[_Connection]]) -> _Connection:
    """Try anew each second until one attempt gets through: TCP itself waits ever longer."""
    import asyncssh

    attempts: dict[asyncio.Future[Any], asyncio.Future[_Connection]] = {}
    try:
        while True:
            through = asyncio.get_running_loop().create_future()

            class Client(asyncssh.SSHClient):
                def connection_made(self, _: object, through: Any = through) -> None:
                    if not through.done():
                        through.set_result(None)

            attempts[through] = asyncio.ensure_future(attempt(Client))
            waiting: list[asyncio.Future[Any]] = [*attempts, *attempts.values()]
            await asyncio.wait(
                waiting,
                timeout=_AGAIN_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for through, task in attempts.items():
                if through.done() or task.done():
                    return await task
    finally:
        for task in attempts.values():
            task.cancel()


def _known(login: SshTarget) -> bytes:
    """Return the pinned keys; a host that is not on EC2 may be known to the person's own ssh."""
    known = "".join(f"{line}\n" for line in known_hosts.pinned_lines(login.alias)).encode()
    if not known and login.is_instance:
        raise HostKeyRefused(
            f"No host key of {login.name} ({login.alias}) is known on this computer.",
            fix="%aws_ssh --trust shows its fingerprint and asks once.",
        )
    return known


def _refused(login: SshTarget) -> HostKeyRefused:
    if login.is_instance:
        return HostKeyRefused(
            f"{login.name} ({login.alias}) shows another host key than the known one.",
            fix="Somebody may stand between. If you made it anew yourself: %aws_ssh --trust",
        )
    return HostKeyRefused(
        f"{login.name} shows a host key that is not the known one, or none is known.",
        fix=f"%gpu_connect {login.name} --trust shows its fingerprint and asks once.",
    )


def _config(login: SshTarget) -> Any:
    return [login.config] if login.config else ()


def _ignored(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
