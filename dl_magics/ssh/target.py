"""How to get in: to which address, as whom, with which key, known by which host key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dl_magics.ssh import known_hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """One way in.

    `alias` is what the host key is known by: the instance's id, or for a host that is not on EC2
    what the person typed. Where `user` is empty or `port` is None, ssh_config says them.
    """

    alias: str
    name: str
    host: str
    user: str = ""
    port: int | None = None
    key_file: Path | None = None
    config: str | None = None

    @property
    def is_instance(self) -> bool:
        """Whether it is an instance of EC2, whose host key only we know."""
        return self.alias.startswith("i-")

    def command_line(self) -> list[str]:
        """Return the ssh command that opens a terminal there, with the same checks."""
        options = {}
        if self.is_instance or known_hosts.pinned_lines(self.alias):
            options = {
                "HostKeyAlias": self.alias,
                "UserKnownHostsFile": str(known_hosts.path()),
                "StrictHostKeyChecking": "yes",
            }
        config = ["-F", self.config] if self.config else []
        key = ["-i", str(self.key_file)] if self.key_file else []
        port = ["-p", str(self.port)] if self.port else []
        words = [word for pair in options.items() for word in ("-o", "=".join(pair))]
        whom = f"{self.user}@{self.host}" if self.user else self.host
        return ["ssh", *config, *key, *port, *words, whom]
