"""One practice host for all tests of a worker, reached without any EC2."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from dl_magics.practice.hosts.hosts import Hosts
from dl_magics.practice.hosts.spec import HostSpec
from dl_magics.remote_code import runner
from dl_magics.ssh import blocking, connection, known_hosts
from dl_magics.ssh.commands import CommandResult
from dl_magics.ssh.target import SshTarget
from support import code_coverage
from support.ec2_client import until


@dataclass(frozen=True)
class Host:
    """A host that runs, and how to get in."""

    hosts: Hosts
    sheet: HostSpec
    folder: Path
    login: SshTarget

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def run(self, command: str) -> CommandResult:
        return blocking.run_command(self.login, command)

    def pin(self) -> None:
        key = (self.folder / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
        known_hosts.pin_keys(self.login.alias, key)


def _booted(scratch: Path, id_: str, gpus: tuple[tuple[str, int], ...]) -> Host:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(scratch / "key")
    address = "203.0.113.77"
    public = key.export_public_key().decode()
    sheet = HostSpec(
        id=id_, address=address, public_key=public, user="ubuntu", user_data=b"", gpus=gpus
    )
    hosts = Hosts(scratch, "http://127.0.0.1:9", lambda *_: None, boot_seconds=0)
    hosts.boot(sheet)
    config = scratch / "ssh_config"
    until(lambda: f"Host {address}" in config.read_text())
    login = SshTarget(
        alias=id_,
        name="gpu",
        host=address,
        user="ubuntu",
        key_file=scratch / "key",
        config=str(config),
        is_instance=True,
    )
    return Host(hosts, sheet, scratch / "instances" / id_, login)


@pytest.fixture(scope="session")
def shared_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with code_coverage.unmeasured():
        host = _booted(tmp_path_factory.mktemp("host"), "i-0there", (("Tesla T4", 15360),))
    yield host
    host.hosts.power_off_all()


@pytest.fixture
def host(shared_host: Host) -> Iterator[Host]:
    """A running host with a GPU; what a test leaves in its home is taken away."""
    shared_host.pin()
    with restored(shared_host.home):
        yield shared_host


@contextmanager
def restored(folder: Path) -> Iterator[None]:
    """Take away what comes into a folder of a host meanwhile; undo what changes in its files.

    Our code stays, as a host has it from the first call on.
    """
    before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    kept = {folder / name for name in (".ssh", ".venvs", ".dl_magics", runner.FOLDER)}
    yield
    for file in (*folder.iterdir(), *(folder / ".dl_magics").glob("*")):
        if file in kept or file in before:
            continue
        shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink()
    for file, text in before.items():
        if not file.exists() or file.read_bytes() != text:
            file.write_bytes(text)


@pytest.fixture
def cut(host: Host) -> Callable[[], None]:
    """Cut the connection, as a lost link does."""
    return lambda: blocking.wait_for(connection.drop_shared(host.login.alias))
