"""The options of a connection for asyncssh, chosen from what the configuration files say.

asyncssh itself reads no file: what is not chosen here is not inherited. The host key is checked
against our pins, else against the user's known_hosts, whatever `StrictHostKeyChecking` and
`UserKnownHostsFile` say.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from dl_magics.ssh import host_key_check, keys, ssh_config
from dl_magics.ssh.ssh_config import Options
from dl_magics.ssh.target import SshTarget

# The fastest first; all of them are authenticated.
_CIPHERS = [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
]
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
_NO_FILES = {"none", "/dev/null", "NUL"}
_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
# The output of commands is parsed: it must not depend on this computer's language.
_LOCALE = re.compile(r"LANG|LANGUAGE|LC_.*|TERM")


def choose_network(target: SshTarget, config: Options) -> dict[str, Any]:
    """Return the options that are needed to reach the host and see its key, but no jump host."""
    chosen: dict[str, Any] = {"config": None, "host": _one(config, "hostname", target.host)}
    chosen["port"] = int(_one(config, "port", "22"))
    if family := _FAMILIES.get(_one(config, "addressfamily")):
        chosen["family"] = family
    if address := _one(config, "bindaddress"):
        chosen["local_addr"] = (address, 0)
    if command := _one(config, "proxycommand"):
        chosen["proxy_command"] = _shell(_expand(command, target, config))
    return chosen


def choose_login(
    target: SshTarget, config: Options, host_keys: bytes, ask: Callable[[str], str | None]
) -> dict[str, Any]:
    """Return the options that are needed to log in.

    Algorithms are chosen where the configuration changes OpenSSH's own list; else ciphers only.

    Parameters
    ----------
    target, config
        The host and its configuration.
    host_keys
        The only host keys to accept, as known_hosts lines; b"" takes those of the user's files.
    ask
        Called with an encrypted key file that the host accepts; returns its passphrase if known.

    Raises
    ------
    NoSuchFile, BadSetting
        if the key file that the target names cannot be used.
    """
    files = () if host_keys else _known_hosts_files(target, config)
    chosen: dict[str, Any] = {
        "username": _one(config, "user", getpass.getuser()),
        "known_hosts": host_key_check.load_trusted(host_keys, files),
        "x509_trusted_certs": None,
        "gss_auth": _one(config, "gssapiauthentication") == "yes",
        "gss_kex": _one(config, "gssapikeyexchange") == "yes",
        "passphrase": ask,
        "env": [pair for pair in config.get("setenv", ()) if "=" in pair],
        "send_env": [name for name in _words(config, "sendenv") if not _LOCALE.fullmatch(name)],
        **_identities(target, config),
        **_algorithms(config),
    }
    if alias := target.alias if host_keys else _one(config, "hostkeyalias"):
        chosen["host_key_alias"] = alias
    if _one(config, "compression") == "yes":
        chosen["compression_algs"] = ["zlib@openssh.com", "zlib", "none"]
    return chosen


def _identities(target: SshTarget, config: Options) -> dict[str, Any]:
    """Return the keys to offer: the named one alone, else those of the files and of the agent."""
    only = bool(target.key_file) or _one(config, "identitiesonly") == "yes"
    if target.key_file:
        files = [keys.check_private_key(target.key_file)]
    else:
        files = list(_paths(target, config, config.get("identityfile", ())))
    agent = _agent_path(config)
    public = [data for file in files if (data := keys.read_public_data(file))]
    chosen: dict[str, Any] = {
        "client_keys": [str(file) for file in files if keys.is_private_key(file)] or (),
        "client_certs": [
            str(file)
            for file in _paths(target, config, config.get("certificatefile", ()))
            if file.is_file()
        ],
        "ignore_encrypted": True,
        "agent_path": agent if public or not only else "",
    }
    if only and public:
        chosen["agent_identities"] = public
    if provider := _one(config, "pkcs11provider"):
        chosen["pkcs11_provider"] = provider
    return chosen


def _agent_path(config: Options) -> str:
    path = _one(config, "identityagent", "SSH_AUTH_SOCK")
    if path == "SSH_AUTH_SOCK":
        return os.environ.get(path, "")
    return str(Path(os.path.expandvars(path)).expanduser()) if path else ""


def _known_hosts_files(target: SshTarget, config: Options) -> list[Path]:
    """Return the user's files, never none of them, and the system's."""
    user = _split_paths(config.get("userknownhostsfile", ()))
    user = [path for path in user if path not in _NO_FILES]
    system = _split_paths(config.get("globalknownhostsfile", ()))
    return list(_paths(target, config, [*(user or _KNOWN_HOSTS), *system]))


def _split_paths(values: Iterable[str]) -> list[str]:
    """Return the paths of lists that `ssh -G` prints without quotes, spaces in names included."""
    paths = []
    for value in values:
        words = value.split(" ")
        while words:
            counts = range(len(words), 0, -1)
            exist = (n for n in counts if Path(" ".join(words[:n])).expanduser().exists())
            count = next(exist, 1)
            paths.append(" ".join(words[:count]))
            words = words[count:]
    return paths


def _paths(target: SshTarget, config: Options, values: Iterable[str]) -> Iterator[Path]:
    for value in values:
        if value not in _NO_FILES:
            expanded = re.sub(
                r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), value
            )
            yield Path(_expand(expanded, target, config)).expanduser()


def _expand(text: str, target: SshTarget, config: Options) -> str:
    """Replace the tokens of ssh_config, such as %h."""
    host = _one(config, "hostname", target.host)
    name = socket.gethostname()
    tokens = {
        "%": "%",
        "d": str(Path.home()),
        "h": host,
        "i": str(os.getuid()) if sys.platform != "win32" else "",
        "k": _one(config, "hostkeyalias", host),
        "L": name.partition(".")[0],
        "l": name,
        "n": target.host,
        "p": _one(config, "port", "22"),
        "r": _one(config, "user", getpass.getuser()),
        "u": getpass.getuser(),
    }
    return re.sub("%(.)", lambda found: tokens.get(found[1], found[0]), text)


def _shell(command: str) -> str | list[str]:
    """Return a ProxyCommand as the user's shell runs it."""
    if sys.platform == "win32":
        return command
    return [os.environ.get("SHELL") or "/bin/sh", "-c", f"exec {command}"]


def _algorithms(config: Options) -> dict[str, list[str]]:
    from asyncssh.encryption import get_encryption_algs
    from asyncssh.kex import get_kex_algs
    from asyncssh.mac import get_mac_algs

    defaults = ssh_config.read_default_options()
    chosen = {"encryption_algs": _CIPHERS}
    for option, key, supported in (
        ("encryption_algs", "ciphers", get_encryption_algs()),
        ("kex_algs", "kexalgorithms", get_kex_algs()),
        ("mac_algs", "macs", get_mac_algs()),
    ):
        names = {name.decode() for name in supported}
        wanted = [name for name in _one(config, key).split(",") if name in names]
        if wanted and config.get(key) != defaults.get(key):
            chosen[option] = wanted
    return chosen


def _words(config: Options, key: str) -> list[str]:
    return [word for value in config.get(key, ()) for word in value.split()]


def _one(config: Options, key: str, otherwise: str = "") -> str:
    """Return the value of an option; `none` is the value of one that is switched off."""
    value = next(iter(config.get(key, ())), otherwise)
    return "" if value.lower() == "none" else value
