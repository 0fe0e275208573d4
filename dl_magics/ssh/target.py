"""Where and how to log in: address, user, key, and the name of its host key."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dl_magics.core.typed_name import quote_name
from dl_magics.errors import BadSetting
from dl_magics.ssh import known_hosts

# As strict as OpenSSH 9.6, which refuses names that a ProxyCommand would pass to a shell.
_USER = re.compile(r"[\w.][\w.@+\\-]*\$?", re.ASCII)
_HOST = re.compile(r"[\w.:](?:[\w.:%+~-]*[\w.])?|::")
_ALIAS = re.compile(r"[\w.\[:][^\s,'\"`$;&<>|(){}*?!#/]*")
_PORT = re.compile(r"[0-9]{0,5}")
_LAST_PORT = 65535
# What a configuration file may not turn on: forwarding and delegation, a command of its own, a
# connection that another program opened without our check of the host key.
_OURS = (
    "-a",
    "-k",
    "-x",
    "-S",
    "none",
    "-o",
    "ClearAllForwardings=yes",
    "-o",
    "RemoteCommand=none",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """What `ssh` needs to log in to one host.

    Its user and address may come from a tag, from a response of EC2 or from a file of a run, so
    they are checked here, where all of them pass.

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
        The ssh_config to read; None reads the user's and the system's own.
    is_instance
        Whether it is an EC2 instance, whose host key must be pinned.
    proxy_jump
        The hosts to connect through, as `ssh -J` takes them; "" leaves it to ssh_config.
    jump_for
        For a jump host, the host that is reached through it, as it is typed.

    Raises
    ------
    BadSetting
        if the user, the address or the port is not one.
    """

    alias: str
    name: str
    host: str
    user: str = ""
    port: int | None = None
    key_file: Path | None = None
    config: str | None = None
    is_instance: bool = False
    proxy_jump: str = ""
    jump_for: str = ""

    def __post_init__(self) -> None:
        if self.user and not is_user(self.user):
            raise _invalid("user name", self.user, self.name)
        if not is_host(self.host):
            raise _invalid("host name or address", self.host, self.name)
        if self.port is not None and not 0 < self.port <= _LAST_PORT:
            raise _invalid("port", str(self.port), self.name)
        if not _ALIAS.fullmatch(self.alias):
            raise _invalid("host name", self.alias, self.name)

    @property
    def typed_name(self) -> str:
        """How it is named in a line that is typed; a jump host by that behind it."""
        return self.jump_for or quote_name(self.name, self.alias)

    def command_line(self) -> list[str]:
        """Return the ssh command that opens a terminal with the options of our own connection.

        These precede what the configuration files say: no forwarding, our known_hosts if the host
        key is pinned, else a question about an unknown key, and no other key than the named one.
        """
        return ["ssh", *self.options(), f"{self.user}@{self.host}" if self.user else self.host]

    def options(self) -> list[str]:
        """Return the options of `command_line`."""
        options = {"StrictHostKeyChecking": "ask", "NoHostAuthenticationForLocalhost": "no"}
        if self.is_instance or known_hosts.pinned_lines(self.alias):
            options = {
                "HostKeyAlias": self.alias,
                "UserKnownHostsFile": _quote(known_hosts.path()),
                "StrictHostKeyChecking": "yes",
            }
        if self.key_file:
            options |= {"IdentitiesOnly": "yes", "IdentityFile": _quote(self.key_file)}
        return [
            *(["-F", self.config] if self.config else []),
            *_OURS,
            *(word for pair in options.items() for word in ("-o", "=".join(pair))),
            *(["-J", self.proxy_jump] if self.proxy_jump else []),
            *(["-p", str(self.port)] if self.port else []),
        ]

    def next_jump(self, config: Mapping[str, tuple[str, ...]]) -> SshTarget | None:
        """Return the jump host that comes last before this host; None without ProxyJump.

        The hosts before it are its own jump hosts, as for `ssh -J`.
        """
        configured = next(iter(config.get("proxyjump", ())), "none")
        before, _, hop = (self.proxy_jump or configured).rpartition(",")
        if hop == "none":
            return None
        user, host, port = parse_destination(hop)
        return SshTarget(
            alias=hop,
            name=f"the jump host {hop}",
            host=host,
            user=user,
            port=port,
            config=self.config,
            proxy_jump=before,
            jump_for=self.typed_name,
        )


def parse_destination(word: str) -> tuple[str, str, int | None]:
    """Return user, host and port of `[user@]host[:port]`; an IPv6 address may be in brackets.

    Raises
    ------
    BadSetting
        if the port is not a number, or a bare IPv6 address is ambiguous.
    """
    user, at, address = word.removeprefix("ssh://").rstrip("/").rpartition("@")
    host, port = address, ""
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        port = rest.removeprefix(":")
        if rest and rest == port:
            raise _invalid("host name or address", address, word)
    elif address.count(":") == 1:
        host, _, port = address.partition(":")
    if at and not user:
        raise _invalid("user name", user, word)
    if not _PORT.fullmatch(port):
        raise _invalid("port", port, word)
    return user, host, int(port) if port else None


def is_address(word: str) -> bool:
    """Return whether a word is an IP address, with or without a port."""
    try:
        user, host, _ = parse_destination(word)
        ipaddress.ip_address(host.partition("%")[0])
    except (ValueError, BadSetting):
        return False
    return not user


def is_user(word: str) -> bool:
    """Return whether a word is a user name that `ssh` takes."""
    return _USER.fullmatch(word) is not None


def is_host(host: str) -> bool:
    """Return whether a word is a host name or an IP address that `ssh` takes."""
    if not _HOST.fullmatch(host):
        return False
    if ":" not in host:
        return True
    try:
        ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _quote(path: Path) -> str:
    """Return a path as ssh_config takes it: quoted, without its tokens and variables."""
    text = str(path).replace("%", "%%")
    return f'"{text}"' if re.search(r"\s", text) else text


def _invalid(what: str, value: str, name: str) -> BadSetting:
    shown = "" if name == value else f" of {name!r:.100}"
    return BadSetting(
        f"{value!r:.100} is not a valid {what} for SSH{shown}.",
        fix="Write USER@HOST, USER@HOST:PORT or USER@[IPv6 address]:PORT; an instance's user is "
        "its tag dl-magics:user.",
    )
