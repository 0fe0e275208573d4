"""Pin the host key of a host not launched by dl_magics, compared with the EC2 console."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dl_magics.actions.gpu.host import SshHost
from dl_magics.errors import DLMagicsError, HostKeyRefused
from dl_magics.ssh import blocking, connection, known_hosts
from dl_magics.ssh.connection import OfferedKey

_SHA256 = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True)
class OfferedHostKey:
    """The host key that a host presents, and whether the EC2 console output confirms it."""

    host: SshHost
    offered: OfferedKey
    confirmed: bool

    @property
    def alias(self) -> str:
        """The name under which the key is pinned: that of the host, or of a jump host."""
        return self.offered.alias

    @property
    def question(self) -> str:
        console = (
            "confirmed by the EC2 console output"
            if self.confirmed
            else "not confirmed by another source"
        )
        return (
            f"{self.offered.name} presents the host key {self.offered.fingerprint}; {console}. "
            "Pin it"
        )


def fetch_offered_key(host: SshHost) -> OfferedHostKey:
    """Fetch the key from the host and the fingerprints from the EC2 console output.

    A jump host with an unknown key comes first.
    """
    offered = blocking.wait_for(connection.scan_host_key(host.resolve_target()))
    is_shown = host.is_instance and offered.alias == host.alias
    return OfferedHostKey(host, offered, is_shown and offered.fingerprint in _on_console(host))


def pin_key(offer: OfferedHostKey) -> None:
    """Pin the key that was offered."""
    known_hosts.pin_keys(offer.alias, offer.offered.public)


def changed_again(offer: OfferedHostKey) -> HostKeyRefused:
    """Return the error for a host that presents another key right after its key was pinned."""
    return HostKeyRefused(
        f"{offer.offered.name} presents another host key than a moment ago: possibly a "
        "man-in-the-middle attack.",
        fix="Ask the owner of the host for the fingerprint of its key.",
    )


def _on_console(host: SshHost) -> set[str]:
    try:
        output = host.load_context().session.query(
            "ec2", "get_console_output", InstanceId=host.alias
        )
    except DLMagicsError:
        return set()
    return set(_SHA256.findall(output.get("Output", "")))
