"""What the configuration files say about a host, as OpenSSH reads them.

`ssh -G` is asked where OpenSSH is installed: it is the reference reader (Include, wildcards, Match,
canonical names, the system's own file, its messages with file and line) and opens no connection.
As for every `ssh`, `Match exec` runs the user's own commands. Elsewhere asyncssh's reader parses
the same files. Both give one mapping; what our connection takes from it is chosen in
`connect_options`, so that nothing else is inherited: no forwarding, no terminal, no other command.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from dl_magics.errors import BadSetting
from dl_magics.ssh.target import SshTarget, is_host

Options = Mapping[str, tuple[str, ...]]
"""The values of each option by its name in lower case; most options have one value."""

_TIMEOUT_SECONDS = 20.0
_BYTE_ORDER_MARK = r"\357\273\277"


def read_options(target: SshTarget) -> Options:
    """Return the options that apply to a host.

    Raises
    ------
    BadSetting
        if a file cannot be read or parsed; the message names the file and the line.
    """
    if ssh := shutil.which("ssh"):
        return _ask_ssh(ssh, [*target.command_line()[1:]], target.name)
    return _parse_files(target)


@cache
def read_default_options() -> Options:
    """Return the options of a host without configuration; empty where OpenSSH is not installed."""
    ssh = shutil.which("ssh")
    return _ask_ssh(ssh, ["-F", "none", "localhost"], "localhost") if ssh else {}


def is_configured(name: str) -> bool:
    """Return whether the configuration sets any option for the host `name`, but not for every host.

    Raises
    ------
    BadSetting
        if a file cannot be read or parsed.
    """
    if not is_host(name):
        return False
    found = read_options(SshTarget(alias=name, name=name, host=name))
    other = f"host-{uuid.uuid4().hex}"
    try:
        plain = read_options(SshTarget(alias=other, name=other, host=other))
    except BadSetting:
        # IgnoreUnknown in the section of a host makes the file valid for this host only.
        return True
    return _without_name(found, name, other) != _without_name(plain, other, other)


def _without_name(options: Options, name: str, other: str) -> Options:
    """Return the options with the name replaced: tokens such as %h differ for each host."""
    return {
        key: tuple(value.lower().replace(name.lower(), other) for value in values)
        for key, values in options.items()
    }


def _ask_ssh(ssh: str, words: list[str], name: str) -> Options:
    try:
        done = subprocess.run(
            [ssh, "-G", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BadSetting(
            f"`ssh -G {name}` has not ended after {_TIMEOUT_SECONDS:.0f} seconds.",
            fix="Check what it waits for: Match exec or CanonicalizeHostname in ~/.ssh/config.",
        ) from error
    if done.returncode:
        raise _parse_error(_find_message(done.stderr.splitlines()), name)
    options: dict[str, tuple[str, ...]] = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        options[key.lower()] = (*options.get(key.lower(), ()), value)
    return options


def _find_message(lines: list[str]) -> str:
    """Return the first line that names a file and a line, with the reason that precedes it."""
    first = next(iter(lines), "ssh -G failed")
    located = next((line for line in lines if re.search(r" line \d+", line)), first)
    return first if first == located else f"{located} ({first})"


def _parse_files(target: SshTarget) -> Options:
    from asyncssh.config import ConfigParseError, SSHClientConfig

    files = (
        [Path(target.config)] if target.config else [Path.home() / ".ssh/config", _system_file()]
    )
    user, port = target.user or (), target.port or ()
    who = (getpass.getuser(), user, target.host, port)
    try:
        config = SSHClientConfig.load(
            None, [file for file in files if file.is_file()], False, False, False, *who
        )
    except (ConfigParseError, OSError, UnicodeDecodeError) as error:
        raise _parse_error(str(error), target.name) from error
    parsed = {key.lower(): _texts(value) for key, value in config.get_options(False).items()}
    defaults = {"hostname": (target.host,), "user": (getpass.getuser(),), "port": ("22",)}
    keys = tuple(f"~/.ssh/{name}" for name in ("id_rsa", "id_ecdsa", "id_ed25519"))
    return {**defaults, "identityfile": keys, **parsed}


def _texts(value: object) -> tuple[str, ...]:
    """Return a value of asyncssh's reader as `ssh -G` prints it."""
    if isinstance(value, list | tuple):
        return tuple(map(str, value))
    if isinstance(value, bool):
        return ("yes" if value else "no",)
    return ("none" if value is None else str(value),)


def _system_file() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", "C:/ProgramData")) / "ssh/ssh_config"
    return Path("/etc/ssh/ssh_config")


def _parse_error(message: str, name: str) -> BadSetting:
    fix = f"Correct that line; this prints what is read: ssh -G {name}"
    if _BYTE_ORDER_MARK in message:
        fix = "The file begins with a byte order mark: save it as UTF-8 without BOM."
    return BadSetting(f"The configuration of SSH cannot be read: {message.strip()}", fix=fix)
