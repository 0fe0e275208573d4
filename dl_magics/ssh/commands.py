"""One command on an instance; the host key is always checked."""

from __future__ import annotations

from dataclasses import dataclass

from dl_magics.errors import NoAnswer
from dl_magics.ssh import blocking, connection, known_hosts
from dl_magics.ssh.target import SshTarget
from dl_magics.store import lock

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


@dataclass(frozen=True, slots=True)
class Output:
    """What a command wrote, and how it ended."""

    stdout: str
    stderr: str
    code: int

    def __repr__(self) -> str:
        return (self.stdout + self.stderr).rstrip("\n")


def run(login: SshTarget, command: str, stdin: str | None = None) -> Output:
    """Run one command there, with `stdin` as its input, and return what it wrote."""
    return blocking.wait_for(_run(login, command, stdin))


def answers(login: SshTarget) -> bool:
    """Whether SSH answers there; the first time, the key from user-data is replaced.

    A host whose key nobody told us answers too: that it is the right one is asked when somebody
    logs in. One that shows another key than the known one never passes.
    """
    try:
        if known_hosts.is_temporary(login.alias):
            with lock.hold("new-host-key"):
                # Another kernel may have replaced it while we waited.
                if known_hosts.is_temporary(login.alias):
                    blocking.wait_for(_replace_host_key(login))
        elif known_hosts.pinned_lines(login.alias):
            blocking.wait_for(_true(login))
        else:
            blocking.wait_for(connection.fetch_host_key(login))
    except NoAnswer:
        return False
    return True


async def _run(login: SshTarget, command: str, stdin: str | None) -> Output:
    there = await connection.connect_shared(login)
    with connection.translate_errors(login):
        done = await there.run(command, check=False, input=stdin)
    if done.returncode is None:
        raise NoAnswer(
            f"The connection to {login.name} ended before it said how the command did.",
            fix="%aws_state tells whether the instance still runs.",
        )
    return Output(str(done.stdout), str(done.stderr), done.returncode)


async def _true(login: SshTarget) -> None:
    """Log in and out again: a connection that is open already would prove nothing."""
    async with connection.connect_private(login) as there:
        await there.run("true", check=False)


async def _replace_host_key(login: SshTarget) -> None:
    """Make a key that nobody but the instance has seen, and pin it before it is used."""
    (first,) = {line.split(maxsplit=1)[1] for line in known_hosts.pinned_lines(login.alias)[:1]}
    async with connection.connect_private(login) as there:
        made = await there.run(_MAKE_KEY, check=False)
        fresh = str(made.stdout).strip()
        if made.exit_status or not fresh.startswith("ssh-ed25519 "):
            raise NoAnswer(
                f"{login.name} could not make itself a new host key: {made.stderr!s:.200}",
                fix="%aws_start tries it again.",
            )
        known_hosts.pin_keys(login.alias, first, fresh, temporary=True)
        await there.run(_USE_KEY, check=False)
    known_hosts.pin_keys(login.alias, fresh)
    await _true(login)


def host_key(login: SshTarget) -> tuple[str, str]:
    """Ask the host for its key, and trust nothing: return the key and its fingerprint."""
    return blocking.wait_for(connection.fetch_host_key(login))
