from __future__ import annotations

import asyncio

import asyncssh
import pytest

from dl_magics import errors
from dl_magics.ssh import blocking, host_key_rotation, keys, known_hosts
from dl_magics.ssh.target import SshTarget

RELOAD_SECONDS = 1.0


class Host:
    """An SSH server that uses its new host key some time after it was told to."""

    def __init__(self, reloads: bool) -> None:
        self.reloads = reloads
        self.first = asyncssh.generate_private_key("ssh-ed25519")
        self.new = asyncssh.generate_private_key("ssh-ed25519")

    async def serve(self, login_key: str) -> asyncssh.SSHAcceptor:
        self.acceptor = await asyncssh.create_server(
            asyncssh.SSHServer,
            "127.0.0.1",
            0,
            server_host_keys=[self.first],
            authorized_client_keys=asyncssh.import_authorized_keys(login_key),
            process_factory=self._run,
        )
        return self.acceptor

    def _run(self, process: asyncssh.SSHServerProcess[str]) -> None:
        if process.command == host_key_rotation.GENERATE:
            process.stdout.write(public(self.new))
        elif process.command == host_key_rotation.INSTALL and self.reloads:
            asyncio.get_running_loop().call_later(
                RELOAD_SECONDS, lambda: self.acceptor.update(server_host_keys=[self.new])
            )
        process.exit(0)


def public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode()


@pytest.fixture
def serve():
    acceptors = []

    def start(*, reloads=True):
        login = keys.ensure_key_pair("login")
        host = Host(reloads)
        acceptors.append(blocking.wait_for(host.serve(login.public)))
        target = SshTarget(
            alias="i-1",
            name="gpu",
            host="127.0.0.1",
            port=acceptors[0].get_port(),
            user="ubuntu",
            key_file=login.file,
            is_instance=True,
        )
        known_hosts.pin_keys("i-1", public(host.first), temporary=True)
        return host, target

    yield start

    async def close():
        for acceptor in acceptors:
            acceptor.close()

    blocking.wait_for(close())  # in the loop that it belongs to


def pinned():
    return [line.split()[2] for line in known_hosts.pinned_lines("i-1")]


def test_both_keys_are_accepted_until_the_host_presents_the_new_one(serve):
    host, target = serve()

    reachable = blocking.wait_for(host_key_rotation.is_reachable(target))

    assert reachable
    assert pinned() == [public(host.new).split()[1]]
    assert not known_hosts.is_temporary("i-1")


def test_a_host_that_keeps_its_first_key_is_asked_again_at_the_next_start(serve, monkeypatch):
    monkeypatch.setattr(host_key_rotation, "_RELOAD_SECONDS", 0.5)
    host, target = serve(reloads=False)

    reachable = blocking.wait_for(host_key_rotation.is_reachable(target))

    assert not reachable
    assert pinned() == [public(host.first).split()[1], public(host.new).split()[1]]
    assert known_hosts.is_temporary("i-1")


def test_a_host_that_presents_another_key_than_the_pinned_one_is_refused(serve):
    host, target = serve()
    known_hosts.pin_keys("i-1", public(host.new), temporary=True)

    with pytest.raises(errors.HostKeyRefused, match="does not match the pinned key"):
        blocking.wait_for(host_key_rotation.is_reachable(target))
