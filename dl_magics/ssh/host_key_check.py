"""Check the SSH host key: which keys a host may present, and what a mismatch means.

The keys of an instance are pinned when it is launched. Those of any other host are checked against
the user's own known_hosts, as OpenSSH does, unless `%gpu_connect --trust` pinned one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dl_magics.errors import HostKeyRefused
from dl_magics.ssh import known_hosts
from dl_magics.ssh.target import SshTarget

if TYPE_CHECKING:
    import asyncssh


def expected_keys(target: SshTarget) -> bytes:
    """Return the pinned keys as known_hosts lines; b"" leaves the check to the user's known_hosts.

    Raises
    ------
    HostKeyRefused
        if the target is an instance without a pinned key.
    """
    lines = "".join(f"{line}\n" for line in known_hosts.pinned_lines(target.alias))
    if not lines and target.is_instance:
        raise HostKeyRefused(
            f"No host key of {target.name} ({target.alias}) is pinned on this computer.",
            fix=f"%aws_ssh --name {target.alias} --trust shows its fingerprint and asks for "
            "confirmation.",
        )
    return lines.encode()


def load_trusted(host_keys: bytes, files: Iterable[Path]) -> asyncssh.SSHKnownHosts:
    """Return the host keys to accept: pinned lines, or those of known_hosts files that exist.

    A line that cannot be parsed is skipped, as OpenSSH does.
    """
    import asyncssh

    texts = [host_keys.decode()]
    for file in files:
        with contextlib.suppress(OSError):
            texts.append(file.read_text(encoding="utf-8", errors="replace"))
    trusted = asyncssh.SSHKnownHosts()
    for line in "\n".join(texts).splitlines():
        with contextlib.suppress(ValueError):
            trusted.load(line)
    return trusted


def mismatch(target: SshTarget) -> HostKeyRefused:
    """Return the error for a host that presented a key other than the expected ones."""
    if target.is_instance:
        return HostKeyRefused(
            f"The host key of {target.name} ({target.alias}) does not match the pinned key: "
            "possibly a man-in-the-middle attack.",
            fix="If you replaced the host key yourself, pin the new one: "
            f"%aws_ssh --name {target.alias} --trust",
        )
    return HostKeyRefused(
        f"The host key of {target.name} is unknown, or does not match the known key.",
        fix=f"%gpu_connect {target.typed_name} --trust shows its fingerprint and asks "
        "for confirmation.",
    )
