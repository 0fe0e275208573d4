"""Practice hosts for the workers of a crew, and a run that trains with them."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import psutil

from dl_magics.crew.crew import HostCrew
from dl_magics.crew.member import Member
from dl_magics.errors import WrongState
from dl_magics.practice.hosts import ssh_server
from dl_magics.practice.hosts.hosts import Hosts
from dl_magics.practice.hosts.spec import HostSpec
from dl_magics.ssh import blocking, connection, known_hosts
from dl_magics.ssh.target import SshTarget
from dl_magics.training.recipe.recipe import Recipe
from support.ec2_client import until
from support.processes.running import find_processes


@dataclass
class CrewHosts:
    """Practice hosts by name; `up` are those that the crew finds, `gone` those that are stopped."""

    folder: Path
    hosts: Hosts
    key: Path
    up: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    targets: dict[str, SshTarget] = field(default_factory=dict)

    def boot(self, name: str) -> None:
        number = len(self.targets) + 1
        # Other tests have crews at the same time: `workers` finds those of this one by their host.
        id_, address = f"i-{uuid.uuid4().hex[:17]}", f"203.0.113.{80 + number}"
        public = asyncssh.read_private_key(self.key).export_public_key().decode()
        self.hosts.boot(
            HostSpec(
                id=id_, address=address, public_key=public, user="ubuntu", user_data=b"", gpus=()
            )
        )
        config = self.folder / "ssh_config"
        until(lambda: f"Host {address}" in config.read_text())
        self.targets[name] = SshTarget(
            alias=id_,
            name=name,
            host=address,
            user="ubuntu",
            key_file=self.key,
            config=str(config),
            is_instance=True,
        )
        self.up.append(name)

    def pin(self) -> None:
        """Trust the host keys, in the folder of the present test."""
        for target in self.targets.values():
            file = self.folder / "instances" / target.alias / "etc/ssh/ssh_host_ed25519_key.pub"
            known_hosts.pin_keys(target.alias, file.read_text())

    def members(self) -> list[Member]:
        return [Member(name, partial(self._find, name), 0.5) for name in self.up]

    def _find(self, name: str) -> SshTarget:
        if name in self.gone:
            raise WrongState(f"{name} is stopped: it must be running.", fix=f"%aws_start {name}")
        return self.targets[name]

    def crew(self, **options: Any) -> HostCrew:
        return HostCrew(self.members, provide, **{"patience": 5.0, "look_every": 0.5, **options})

    def workers(self, name: str | None = None) -> list[psutil.Process]:
        """Return the processes of workers and trainers on a host, or on all."""
        aliases = [self.targets[each].alias for each in ([name] if name else self.targets)]
        found = []
        for process in find_processes("dl_magics.training.crew"):
            with suppress(psutil.Error):
                if process.environ().get(ssh_server.INSTANCE_VARIABLE) in aliases:
                    found.append(process)
        return found

    def kill(self, name: str) -> None:
        for process in self.workers(name):
            process.send_signal(signal.SIGKILL)

    def cut(self, name: str) -> None:
        """Cut the SSH connection, as a lost link does."""
        blocking.wait_for(connection.drop_shared(self.targets[name].alias))


async def provide(_target: SshTarget, recipe: Recipe, *, lacks_weights: bool) -> Recipe:
    assert not lacks_weights
    return recipe


def boot_crew(folder: Path, names: Sequence[str]) -> Iterator[CrewHosts]:
    key = folder / "key"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(key)
    hosts = Hosts(folder, "http://127.0.0.1:9", lambda *_: None, boot_seconds=0)
    crew = CrewHosts(folder, hosts, key)
    for name in names:
        crew.boot(name)
    yield crew
    hosts.power_off_all()
