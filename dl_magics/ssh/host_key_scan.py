"""Fetch the host key that a host presents, as ssh-keyscan does, without checking it."""

from __future__ import annotations

import asyncio
from typing import Any

from dl_magics.errors import NoAnswer
from dl_magics.ssh import connection, dial
from dl_magics.ssh.target import SshTarget


async def scan_host_key(target: SshTarget) -> tuple[str, str]:
    """Return the public key that the host presents and its SHA256 fingerprint.

    Raises
    ------
    NoAnswer
        if SSH does not respond.
    """
    import asyncssh

    port: dict[str, Any] = {"port": target.port} if target.port else {}
    with connection.translate_errors(target):
        key = await asyncio.wait_for(
            asyncssh.get_server_host_key(target.host, config=target.config_files, **port),
            dial.CONNECT_SECONDS,
        )
    if key is None:
        raise NoAnswer(
            f"{target.name} presents no host key.", fix="%aws_start waits until SSH responds."
        )
    return key.export_public_key("openssh").decode().strip(), key.get_fingerprint()
