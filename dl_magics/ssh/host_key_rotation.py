"""Replace the first host key of an instance.

The key that an instance boots with is part of its user data, which AWS stores. On the first
connection the instance generates a new key, which is pinned before sshd uses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from dl_magics.errors import NoAnswer
from dl_magics.ssh import commands, connection, known_hosts
from dl_magics.ssh.target import SshTarget
from dl_magics.store import lock

_LOCK = "new-host-key"
_LOCK_PAUSE_SECONDS = 0.2
_RELOAD_SECONDS = 30.0
_RELOAD_PAUSE_SECONDS = 0.2
_NEW = "/etc/ssh/ssh_host_ed25519_key.new"
_KEY = "/etc/ssh/ssh_host_ed25519_key"
GENERATE = (
    f"sudo rm -f {_NEW} {_NEW}.pub && sudo ssh-keygen -q -t ed25519 -N '' -f {_NEW} </dev/null "
    f"&& sudo cat {_NEW}.pub"
)
INSTALL = (
    f"sudo mv -f {_NEW}.pub {_KEY}.pub && sudo mv -f {_NEW} {_KEY} "
    "&& { sudo systemctl reload ssh || sudo systemctl reload sshd; } >/dev/null 2>&1"
)


async def is_reachable(target: SshTarget) -> bool:
    """Return whether SSH responds; replace the temporary host key on the first connection.

    A host without a pinned key is reachable if it presents any key: it is checked at login.

    Raises
    ------
    HostKeyRefused, LoginRefused
        if the host presents another key than the pinned one, or refuses the login.
    """
    try:
        if known_hosts.is_temporary(target.alias):
            await _replace_once(target)
        elif known_hosts.pinned_lines(target.alias):
            await _check_login(target)
        else:
            await connection.scan_host_key(target)
    except NoAnswer:
        return False
    return True


async def is_listening(target: SshTarget) -> bool:
    """Return whether SSH responds, without a login and without a look at the host key."""
    try:
        await connection.scan_host_key(target)
    except NoAnswer:
        return False
    return True


class _LockedError(NoAnswer):
    """Another process replaces a host key at this moment."""


async def _replace_once(target: SshTarget) -> None:
    """Replace the key, unless another process or notebook did while this one waited."""
    busy = _LockedError("Another process replaces a host key.", fix="Wait for it.")
    while known_hosts.is_temporary(target.alias):
        try:
            with lock.hold(_LOCK, otherwise=busy):
                if known_hosts.is_temporary(target.alias):
                    await _replace(target)
        except _LockedError:
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)


async def _replace(target: SshTarget) -> None:
    pinned = [line.split(maxsplit=1)[1] for line in known_hosts.pinned_lines(target.alias)]
    async with connection.connect_private(target) as private:
        generated = await commands.run_limited(private, GENERATE)
        new = generated.stdout.strip()
        if generated.code or not new.startswith("ssh-ed25519 "):
            raise NoAnswer(
                f"{target.name} could not generate a new host key: {generated.stderr:.200}",
                fix=f"%aws_start {target.alias} tries again.",
            )
        # All are valid until the new one is in use: the connection may break in between.
        known_hosts.pin_keys(target.alias, *pinned, new, temporary=True)
        await commands.run_limited(private, INSTALL)
    await _wait_until_used(target, new)
    known_hosts.pin_keys(target.alias, new)


async def _wait_until_used(target: SshTarget, new: str) -> None:
    """Log in until the host presents its new key; sshd reloads after `systemctl` has ended.

    Each login is over a new connection: one that is already open would prove nothing.
    """
    give_up = time.monotonic() + _RELOAD_SECONDS
    while time.monotonic() < give_up:
        # sshd may refuse connections while it reloads.
        with contextlib.suppress(NoAnswer):
            async with connection.connect_private(target) as private:
                key = private.get_server_host_key()
                await commands.run_limited(private, "true")
                if key and key.export_public_key().decode().split()[1] == new.split()[1]:
                    return
        await asyncio.sleep(_RELOAD_PAUSE_SECONDS)
    raise NoAnswer(
        f"{target.name} still presents its first host key {_RELOAD_SECONDS:.0f} s after sshd was "
        "told to use its new one.",
        fix=f"%aws_start {target.alias} tries again.",
    )


async def _check_login(target: SshTarget) -> None:
    """Log in over a new connection: one that is already open would prove nothing."""
    async with connection.connect_private(target) as private:
        await commands.run_limited(private, "true")
