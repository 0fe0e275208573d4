"""Boot hosts and power them off: a folder per instance, and a process while it runs."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock, Thread
from typing import IO

import asyncssh
import yaml

from dl_magics.practice.hosts import cloud_init, console, environment, guest_commands, ssh_server
from dl_magics.practice.hosts.spec import HostSpec
from dl_magics.store import atomic, private

SHELL_PROFILE = f'export PATH="${guest_commands.FOLDER_VARIABLE}/bin:$PATH"\n'
CLOSED_ADDRESSES = """
# Addresses of stopped instances: the connection is refused at once.
Host 203.0.113.* i-*
  HostName 127.0.0.1
  Port 9
"""


@dataclass
class RunningHost:
    """A running host: its process, address and login user, its port (0 until SSH answers).

    With `metadata_key`, which changes at each boot, its processes read their instance metadata.
    """

    process: subprocess.Popen[str]
    address: str
    user: str
    metadata_key: str = field(repr=False)
    port: int = 0


class Hosts:
    """Boots hosts, powers them off, and maintains the ssh_config that resolves their addresses.

    Parameters
    ----------
    folder
        The folder of the practice cloud.
    metadata
        The URL of the instance metadata.
    on_request
        Called with the instance id and `shutdown` or `reboot` when the host requests it.
    boot_seconds
        Seconds until SSH answers.
    minute
        The seconds that a minute of `shutdown` on a host takes.
    """

    def __init__(
        self,
        folder: Path,
        metadata: str,
        on_request: Callable[[str, str], None],
        boot_seconds: float,
        minute: float = 60.0,
    ) -> None:
        self._folder = private.ensure_folder(folder / "instances")
        self._ssh_config = folder / "ssh_config"
        self._metadata = metadata
        self._on_request = on_request
        self._running: dict[str, RunningHost] = {}
        self._lock = RLock()
        self._boot_seconds = boot_seconds
        self._minute = minute
        self._write_ssh_config()

    def boot(self, spec: HostSpec, *, extra_seconds: float = 0) -> None:
        """Start the process of a host; ssh_config resolves its address once SSH answers."""
        folder = self._folder / spec.id
        _prepare_folder(folder, spec)
        seconds = self._boot_seconds + extra_seconds
        # asyncssh abandons coroutines when a connection breaks; Python would warn of them.
        program = [
            sys.executable,
            "-W",
            "ignore::RuntimeWarning",
            "-m",
            ssh_server.__name__,
        ]
        process = subprocess.Popen(
            [*program, str(folder), str(seconds), str(self._minute)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        # Not on the command line, which other users can read.
        metadata_key = secrets.token_hex(16)
        assert process.stdin
        with suppress(OSError):
            process.stdin.write(f"{self._metadata}/{metadata_key}\n")
            process.stdin.flush()
        with self._lock:
            self._running[spec.id] = RunningHost(process, spec.address, spec.user, metadata_key)
        Thread(target=self._listen, args=(spec.id, process), daemon=True).start()

    def power_off(self, instance_id: str) -> None:
        """Power off a host, which ends all of its processes."""
        with self._lock:
            running = self._running.get(instance_id)
            if running and running.process.stdin:
                running.process.stdin.close()

    def find_processes(self) -> dict[str, int]:
        """Return the process id of each running host, by instance id."""
        with self._lock:
            return {name: each.process.pid for name, each in self._running.items()}

    def is_running(self, instance_id: str) -> bool:
        """Whether a process of the host is running."""
        with self._lock:
            return instance_id in self._running

    def find_by_metadata_key(self, key: str) -> str | None:
        """Return the id of the running instance whose processes know this key."""
        with self._lock:
            keys = {each.metadata_key: name for name, each in self._running.items()}
        return keys.get(key)

    def has_booted(self, instance_id: str) -> bool:
        """Whether the host has booted before."""
        return (self._folder / instance_id).exists()

    def delete(self, instance_id: str) -> None:
        """Delete the folder of a terminated instance."""
        shutil.rmtree(self._folder / instance_id, ignore_errors=True)

    def change_address(self, instance_id: str, address: str) -> None:
        """Change the public address of the host."""
        with self._lock:
            if instance_id in self._running:
                self._running[instance_id].address = address
        self._write_ssh_config()

    def replace_host_key(self, instance_id: str) -> None:
        """Replace the host key, as if another host answered at the address."""
        _write_key(_key_file(self._folder / instance_id), _new_key())

    def change_login_user(self, instance_id: str, user: str) -> None:
        """Allow only this user to log in from now on."""
        (self._folder / instance_id / ssh_server.USER_FILE).write_text(user, encoding="utf-8")

    def console_output(self, instance_id: str) -> str:
        """Return the console output of the first boot."""
        file = self._folder / instance_id / "console"
        return file.read_text() if file.exists() else ""

    def power_off_all(self) -> None:
        """Power off every host and wait until their processes have ended."""
        with self._lock:
            everything = list(self._running)
            processes = [self._running[each].process for each in everything]
        for each in everything:
            self.power_off(each)
        for process in processes:
            process.wait()

    def _listen(self, instance_id: str, process: subprocess.Popen[str]) -> None:
        for line in _lines(process.stdout):
            word, _, port = line.partition(" ")
            if word == "port":
                self._running[instance_id].port = int(port)
                self._write_ssh_config()
            else:
                self._on_request(instance_id, word)
        process.wait()
        with self._lock:
            del self._running[instance_id]
        self._write_ssh_config()

    def _write_ssh_config(self) -> None:
        with self._lock:
            answering = {name: host for name, host in self._running.items() if host.port}
            text = "".join(_ssh_config_entry(name, host) for name, host in answering.items())
            atomic.replace(
                self._ssh_config, f"# Written by the practice cloud.\n{text}{CLOSED_ADDRESSES}"
            )


def _ssh_config_entry(instance_id: str, host: RunningHost) -> str:
    return f"""
Host {host.address} {instance_id}
  HostName 127.0.0.1
  Port {host.port}
  HostKeyAlias {instance_id}
  User {host.user}
"""


def _lines(stream: IO[str] | None) -> list[str] | map[str]:
    return map(str.strip, stream) if stream else []


def _prepare_folder(folder: Path, spec: HostSpec) -> None:
    """Create the files of a host; keep those of an earlier boot."""
    home = folder / "home"
    private.ensure_folder(folder)
    private.ensure_folder(home / ".ssh")
    (folder / "shutdown").unlink(missing_ok=True)
    guest_commands.install_commands(folder / "bin", list(spec.gpus))
    key_file = _key_file(folder)
    if key_file.exists():
        return
    (folder / ssh_server.USER_FILE).write_text(spec.user, encoding="utf-8")
    atomic.replace(home / ".ssh" / "authorized_keys", spec.public_key)
    for name in (".profile", ".bashrc"):
        (home / name).write_text(SHELL_PROFILE)
    atomic.replace(folder / "user-data", spec.user_data)
    environment.create_environment(home)
    key = _host_key_in_user_data(spec.user_data) or _new_key()
    _write_key(key_file, key)
    atomic.replace(folder / "console", console.first_boot_output(spec.id, key))


def _key_file(folder: Path) -> Path:
    return folder / "etc" / "ssh" / "ssh_host_ed25519_key"


def _new_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519", comment="root@practice")


def _host_key_in_user_data(user_data: bytes) -> asyncssh.SSHKey | None:
    """Return the host key that the user data contains, or None."""
    text = cloud_init.decode_user_data(user_data)
    if not text.startswith("#cloud-config"):
        return None
    given = (yaml.safe_load(text) or {}).get("ssh_keys", {}).get("ed25519_private")
    return asyncssh.import_private_key(given) if given else None


def _write_key(file: Path, key: asyncssh.SSHKey) -> None:
    atomic.replace(file, key.export_private_key())
    file.with_suffix(".pub").write_bytes(key.export_public_key())
