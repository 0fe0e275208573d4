"""The hosts of the practice cloud: a folder and, while it runs, a process for each instance."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import RLock, Thread
from typing import IO

import asyncssh
import yaml

from dl_magics.practice.hosts import environment, guest_commands
from dl_magics.practice.hosts.spec import Sheet
from dl_magics.store import atomic

PROFILE = 'export PATH="$DL_MAGICS_PRACTICE_FOLDER/bin:$PATH"\n'
NOWHERE = """
# A stopped instance, or an old address: refused at once, and never looked for elsewhere.
Host 203.0.113.* i-*
  HostName 127.0.0.1
  Port 9
"""


@dataclass
class Running:
    """A host that has power."""

    process: subprocess.Popen[str]
    address: str
    port: int = 0


class Hosts:
    """Boots hosts, ends them, and keeps the ssh_config that leads to them."""

    def __init__(
        self, folder: Path, metadata: str, tell: Callable[[str, str], None], boot_seconds: float
    ) -> None:
        self._folder = folder / "instances"
        self._ssh_config = folder / "ssh_config"
        self._metadata = metadata
        self._tell = tell
        self._running: dict[str, Running] = {}
        self._lock = RLock()
        self._boot_seconds = boot_seconds
        self._write_ssh_config()

    def boot(self, sheet: Sheet, *, extra_seconds: float = 0) -> None:
        """Give power to a host; its address leads to it once SSH answers."""
        folder = self._folder / sheet.id
        _furnish(folder, sheet)
        seconds = self._boot_seconds + extra_seconds
        metadata = f"{self._metadata}/{sheet.id}"
        # asyncssh leaves coroutines behind when a connection dies, and Python would warn of them.
        program = [
            sys.executable,
            "-W",
            "ignore::RuntimeWarning",
            "-m",
            "dl_magics.practice.hosts.ssh_server",
        ]
        process = subprocess.Popen(
            [*program, str(folder), metadata, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with self._lock:
            self._running[sheet.id] = Running(process, sheet.address)
        Thread(target=self._listen, args=(sheet.id, process), daemon=True).start()

    def power_off(self, instance_id: str) -> None:
        """Take the power from a host, which then ends all that runs in it."""
        with self._lock:
            running = self._running.get(instance_id)
            if running and running.process.stdin:
                running.process.stdin.close()

    def has_power(self, instance_id: str) -> bool:
        """Whether anything of the host still runs."""
        with self._lock:
            return instance_id in self._running

    def is_known(self, instance_id: str) -> bool:
        """Whether the host has ever booted."""
        return (self._folder / instance_id).exists()

    def forget(self, instance_id: str) -> None:
        """Throw away the folder of a terminated instance."""
        shutil.rmtree(self._folder / instance_id, ignore_errors=True)

    def move(self, instance_id: str, address: str) -> None:
        """Let another address lead to the host."""
        with self._lock:
            if instance_id in self._running:
                self._running[instance_id].address = address
        self._write_ssh_config()

    def swap_key(self, instance_id: str) -> None:
        """Give the host another host key, as a stranger in its place would have."""
        _write_key(_key_file(self._folder / instance_id), _new_key())

    def console(self, instance_id: str) -> str:
        """What the host printed while it booted for the first time."""
        file = self._folder / instance_id / "console"
        return file.read_text() if file.exists() else ""

    def power_off_all(self) -> None:
        """End every host, and wait for it."""
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
                self._tell(instance_id, word)
        process.wait()
        with self._lock:
            del self._running[instance_id]
        self._write_ssh_config()

    def _write_ssh_config(self) -> None:
        with self._lock:
            answering = {name: host for name, host in self._running.items() if host.port}
            text = "".join(_entry(name, host) for name, host in answering.items())
            atomic.replace(self._ssh_config, f"# Written by the practice cloud.\n{text}{NOWHERE}")


def _entry(instance_id: str, host: Running) -> str:
    return f"""
Host {host.address} {instance_id}
  HostName 127.0.0.1
  Port {host.port}
  HostKeyAlias {instance_id}
  User ubuntu
"""


def _lines(stream: IO[str] | None) -> list[str] | map[str]:
    return map(str.strip, stream) if stream else []


def _furnish(folder: Path, sheet: Sheet) -> None:
    """Make what a host needs; what is there from an earlier boot stays."""
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, exist_ok=True)
    (home / ".ssh").chmod(0o700)
    (folder / "shutdown").unlink(missing_ok=True)
    guest_commands.install(folder / "bin", list(sheet.gpus))
    key_file = _key_file(folder)
    if key_file.exists():
        return
    (home / ".ssh" / "authorized_keys").write_text(sheet.public_key)
    for name in (".profile", ".bashrc"):
        (home / name).write_text(PROFILE)
    (folder / "user-data").write_text(sheet.user_data)
    environment.make(home)
    key = _given_key(sheet.user_data) or _new_key()
    _write_key(key_file, key)
    (folder / "console").write_text(_cloud_init(sheet.id, key))


def _key_file(folder: Path) -> Path:
    return folder / "etc" / "ssh" / "ssh_host_ed25519_key"


def _new_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519", comment="root@practice")


def _given_key(user_data: str) -> asyncssh.SSHKey | None:
    """Return the host key that cloud-init would take from the user-data."""
    if not user_data.startswith("#cloud-config"):
        return None
    given = (yaml.safe_load(user_data) or {}).get("ssh_keys", {}).get("ed25519_private")
    return asyncssh.import_private_key(given) if given else None


def _write_key(file: Path, key: asyncssh.SSHKey) -> None:
    atomic.replace(file, key.export_private_key())
    file.with_suffix(".pub").write_bytes(key.export_public_key())


def _cloud_init(instance_id: str, key: asyncssh.SSHKey) -> str:
    public = " ".join(key.export_public_key().decode().split()[:2])
    return f"""\
[    0.000000] Linux version 6.8.0-practice ({instance_id})
[   12.118213] cloud-init[1043]: Cloud-init v. 24.4 running 'modules:final'
<14>Jan  1 00:00:12 cloud-init: ###########################################################
<14>Jan  1 00:00:12 cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----
<14>Jan  1 00:00:12 cloud-init: 256 {key.get_fingerprint("sha256")} root@{instance_id} (ED25519)
<14>Jan  1 00:00:12 cloud-init: -----END SSH HOST KEY FINGERPRINTS-----
<14>Jan  1 00:00:12 cloud-init: ###########################################################
-----BEGIN SSH HOST KEY KEYS-----
{public} root@{instance_id}
-----END SSH HOST KEY KEYS-----
[   12.402113] cloud-init[1043]: Cloud-init v. 24.4 finished. Datasource DataSourceEc2Local.
"""


def encoded_console(text: str) -> str:
    """Return console output as GetConsoleOutput carries it."""
    return base64.b64encode(text.encode()).decode()
