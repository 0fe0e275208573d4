"""OpenSSH's server on the loopback, and a user's `~/.ssh` folder that fits it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD = "/usr/sbin/sshd"
_CONFIG = """
ListenAddress 127.0.0.1:{port}
ListenAddress [::1]:{port}
ListenAddress 127.0.0.1:{jump_port}
ListenAddress 127.0.0.1:{password_port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
Subsystem sftp internal-sftp
PidFile none
UsePAM no
StrictModes no
AcceptEnv *
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
Match LocalPort {password_port}
  PasswordAuthentication yes
  PubkeyAuthentication no
"""


@dataclass(frozen=True)
class Sshd:
    """A server that lets the keys of its `authorized_keys` in, or on one port only passwords.

    The files of its folder `user` are what a user who may log in has in `~/.ssh`.
    """

    folder: Path
    port: int
    jump_port: int
    password_port: int

    @property
    def public_key(self) -> str:
        """The public half of its host key."""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    def install(self, *known: str) -> Path:
        """Copy the user's files to `~/.ssh` and return that folder.

        Its known_hosts has a line for each of `known`, by default for all addresses of the server.
        """
        ssh = Path.home() / ".ssh"
        shutil.copytree(self.folder / "user", ssh)
        ports = (self.port, self.jump_port, self.password_port)
        names = known or (f"[::1]:{self.port}", *(f"[127.0.0.1]:{port}" for port in ports))
        (ssh / "known_hosts").write_text("".join(f"{name} {self.public_key}\n" for name in names))
        return ssh


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def make_key(file: Path, passphrase: str = "") -> None:
    """Write an ed25519 key pair, as `ssh-keygen` does."""
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", file.name, "-f"]
    subprocess.run([*words, str(file)], check=True)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server that takes the keys `k`, `k with space` and `locked` with its `open sesame`."""
    if not Path(SSHD).exists() or os.geteuid() != 0:
        pytest.skip("OpenSSH's server is not installed, or cannot be started without root")
    folder = tmp_path_factory.mktemp("sshd")
    user = folder / "user"
    user.mkdir(mode=0o700)
    make_key(folder / "host_key")
    for name in ("k", "k with space"):
        make_key(user / name)
    make_key(user / "locked", "open sesame")
    public = sorted(user.glob("*.pub"))
    (folder / "authorized_keys").write_text("".join(file.read_text() for file in public))
    found = Sshd(folder, _free_port(), _free_port(), _free_port())
    (folder / "sshd_config").write_text(
        _CONFIG.format(
            folder=folder,
            port=found.port,
            jump_port=found.jump_port,
            password_port=found.password_port,
        )
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    log = folder / "log"
    server = subprocess.Popen([SSHD, "-D", "-f", str(folder / "sshd_config"), "-E", str(log)])
    while "listening on" not in (log.read_text() if log.exists() else ""):
        assert server.poll() is None, log.read_text()
        time.sleep(0.02)
    yield found
    server.terminate()
    server.wait()


@dataclass(frozen=True)
class Agent:
    """A running ssh-agent, which `SSH_AUTH_SOCK` names."""

    folder: Path

    def add(self, file: Path, passphrase: str = "") -> None:
        """Add a private key."""
        ask = self.folder / "askpass"
        ask.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
        ask.chmod(0o700)
        environment = os.environ | {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(["ssh-add", "-q", str(file)], check=True, env=environment)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """An ssh-agent without keys."""
    path = tmp_path / "agent"
    running = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    while not path.exists():
        assert running.poll() is None
        time.sleep(0.02)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    yield Agent(tmp_path)
    running.terminate()
    running.wait()
