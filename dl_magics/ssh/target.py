"""Where and how to log in: address, user, key, and the name of its host key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dl_magics.ssh import known_hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """What `ssh` needs to log in to one host.

    Attributes
    ----------
    alias
        The name of its host key: the instance id, or what the user typed for any other host.
    name
        The name for messages.
    host, user, port
        Address, user and port. An empty user and a port of None are left to ssh_config.
    key_file
        The private key; None leaves it to ssh_config and ssh-agent.
    config
        The ssh_config to read; None reads none for an instance, the user's own for other hosts.
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
        """Whether it is an EC2 instance, whose host key must be pinned."""
        return self.alias.startswith("i-")

    @property
    def config_files(self) -> list[str] | tuple[()]:
        """The `config` option of asyncssh; () stands for the user's own ssh_config."""
        return [self.config] if self.config else ()

    def command_line(self) -> list[str]:
        """Return the ssh command that opens a terminal with the same host key check."""
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
        destination = f"{self.user}@{self.host}" if self.user else self.host
        return ["ssh", *config, *key, *port, *words, destination]
