"""Pin the host key of a host not launched by dl_magics, compared with the EC2 console."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dl_magics.actions.gpu.host import SshHost
from dl_magics.errors import DLMagicsError
from dl_magics.ssh import blocking, host_key_scan, known_hosts

_SHA256 = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True)
class OfferedHostKey:
    """The host key that a host presents, and whether the EC2 console output confirms it."""

    host: SshHost
    key: str
    fingerprint: str
    confirmed: bool

    @property
    def question(self) -> str:
        console = (
            "confirmed by the EC2 console output"
            if self.confirmed
            else "not confirmed by another source"
        )
        return f"{self.host.name} presents the host key {self.fingerprint}; {console}. Pin it"


def fetch_offered_key(host: SshHost) -> OfferedHostKey:
    """Fetch the key from the host and the fingerprints from the EC2 console output."""
    key, fingerprint = blocking.wait_for(host_key_scan.scan_host_key(host.resolve_target()))
    return OfferedHostKey(
        host, key, fingerprint, host.is_instance and fingerprint in _on_console(host)
    )


def pin_key(offer: OfferedHostKey) -> None:
    """Pin the key that was offered."""
    known_hosts.pin_keys(offer.host.alias, offer.key)


def _on_console(host: SshHost) -> set[str]:
    try:
        output = host.load_context().session.query(
            "ec2", "get_console_output", InstanceId=host.alias
        )
    except DLMagicsError:
        return set()
    return set(_SHA256.findall(output.get("Output", "")))
