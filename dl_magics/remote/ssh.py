"""One command on an instance; the host key is always checked."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dl_magics import home
from dl_magics.errors import HostKeyRefused, NoAnswer, NotAllowed
from dl_magics.remote import hostkeys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncssh

T = TypeVar("T")
_CONNECT_SECONDS = 10
_NEW = "/etc/ssh/ssh_host_ed25519_key.new"
_KEY = "/etc/ssh/ssh_host_ed25519_key"
_MAKE_KEY = (
    f"sudo rm -f {_NEW} {_NEW}.pub && sudo ssh-keygen -q -t ed25519 -N '' -f {_NEW} </dev/null "
    f"&& sudo cat {_NEW}.pub"
)
_USE_KEY = (
    f"sudo mv -f {_NEW}.pub {_KEY}.pub && sudo mv -f {_NEW} {_KEY} "
    "&& { sudo systemctl reload ssh || sudo systemctl reload sshd; } >/dev/null 2>&1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to get in: `alias` is the instance's id, under which its host key is known."""

    alias: str
    name: str
    host: str
    user: str
    key_file: Path | None = None
    config: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What a command wrote, and how it ended."""

    stdout: str
    stderr: str
    code: int

    def __repr__(self) -> str:
        return (self.stdout + self.stderr).rstrip("\n")


def command_line(login: Login) -> list[str]:
    """Return the ssh command that opens a terminal there, with the same checks."""
    options = {
        "HostKeyAlias": login.alias,
        "UserKnownHostsFile": str(hostkeys.path()),
        "StrictHostKeyChecking": "yes",
    }
    config = ["-F", login.config] if login.config else []
    key = ["-i", str(login.key_file)] if login.key_file else []
    words = [word for pair in options.items() for word in ("-o", "=".join(pair))]
    return ["ssh", *config, *key, *words, f"{login.user}@{login.host}"]


def run(login: Login, command: str) -> Output:
    """Run one command there and return what it wrote."""
    return _wait(_run(login, command))


def answers(login: Login) -> bool:
    """Whether SSH answers there; the first time, the key from user-data is replaced.

    A host whose key nobody told us answers too: that it is the right one is asked when somebody
    logs in. One that shows another key than the known one never passes.
    """
    try:
        if hostkeys.is_temporary(login.alias):
            with home.locked("new-host-key"):
                # Another kernel may have replaced it while we waited.
                if hostkeys.is_temporary(login.alias):
                    _wait(_replace_host_key(login))
        elif hostkeys.pinned(login.alias):
            _wait(_run(login, "true"))
        else:
            _wait(_greeted(login))
    except NoAnswer:
        return False
    return True


async def _run(login: Login, command: str) -> Output:
    async with _connected(login) as connection:
        done = await connection.run(command, check=False)
        if done.returncode is None:
            raise NoAnswer(
                f"The connection to {login.name} ended before it said how the command did.",
                fix="%aws_state tells whether the instance still runs.",
            )
        return Output(str(done.stdout), str(done.stderr), done.returncode)


async def _replace_host_key(login: Login) -> None:
    """Make a key that nobody but the instance has seen, and pin it before it is used."""
    (first,) = {line.split(maxsplit=1)[1] for line in hostkeys.pinned(login.alias)[:1]}
    async with _connected(login) as connection:
        made = await connection.run(_MAKE_KEY, check=False)
        fresh = str(made.stdout).strip()
        if made.exit_status or not fresh.startswith("ssh-ed25519 "):
            raise NoAnswer(
                f"{login.name} could not make itself a new host key: {made.stderr!s:.200}",
                fix="%aws_start tries it again.",
            )
        hostkeys.pin(login.alias, first, fresh, temporary=True)
        await connection.run(_USE_KEY, check=False)
    hostkeys.pin(login.alias, fresh)
    await _run(login, "true")


def host_key(login: Login) -> tuple[str, str]:
    """Ask the host for its key, and trust nothing: return the key and its fingerprint."""
    return _wait(_greeted(login))


async def _greeted(login: Login) -> tuple[str, str]:
    import asyncssh

    with _translated(login):
        key = await asyncio.wait_for(
            asyncssh.get_server_host_key(login.host, config=_config(login)), _CONNECT_SECONDS
        )
    if key is None:
        raise NoAnswer(f"{login.name} shows no host key.", fix="%aws_start waits for it.")
    return key.export_public_key("openssh").decode().strip(), key.get_fingerprint()


@asynccontextmanager
async def _connected(login: Login) -> AsyncIterator[asyncssh.SSHClientConnection]:
    import asyncssh

    options: dict[str, Any] = {"username": login.user, "config": _config(login)}
    if login.key_file:
        options.update(client_keys=[str(login.key_file)], agent_path=None)
    known = "".join(f"{line}\n" for line in hostkeys.pinned(login.alias)).encode()
    if not known:
        raise HostKeyRefused(
            f"No host key of {login.name} ({login.alias}) is known on this computer.",
            fix="%aws_ssh --trust shows its fingerprint and asks once.",
        )
    with _translated(login):
        connection = await asyncssh.connect(
            login.host,
            known_hosts=known,
            host_key_alias=login.alias,
            connect_timeout=_CONNECT_SECONDS,
            login_timeout=_CONNECT_SECONDS,
            **options,
        )
        async with connection:
            yield connection


def _config(login: Login) -> Any:
    return [login.config] if login.config else ()


@contextmanager
def _translated(login: Login) -> Iterator[None]:
    """Turn what asyncssh raises into our errors."""
    import asyncssh

    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        raise HostKeyRefused(
            f"{login.name} ({login.alias}) shows another host key than the known one.",
            fix="Somebody may stand between. If you made it anew yourself: %aws_ssh --trust",
        ) from error
    except asyncssh.PermissionDenied as error:
        raise NotAllowed(
            f"{login.name} does not let in {login.user} with our key.",
            fix="It was made with another key pair: %aws_ssh shows the ssh command; add -i KEY.",
        ) from error
    except (asyncssh.Error, OSError) as error:
        raise NoAnswer(
            f"SSH does not answer on {login.name} ({login.host}): {error}",
            fix="%aws_start points the rule at your present address and waits for it.",
        ) from error


def _wait(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where the notebook's own loop runs; Ctrl-C ends it."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    with ThreadPoolExecutor(1) as pool:
        try:
            return pool.submit(loop.run_until_complete, task).result()
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(task.cancel)
            raise
        finally:
            pool.shutdown()
            loop.close()
