"""An SSH host that may run a GPU kernel, and how to resolve its current SSH target."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dl_magics.actions.aws import access, context
from dl_magics.actions.aws.context import Context
from dl_magics.core.instance import Instance
from dl_magics.errors import WrongState
from dl_magics.ssh import ssh_config
from dl_magics.ssh.target import SshTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class SshHost:
    """An EC2 instance, identified by its id, or any other SSH host, by its name as typed."""

    alias: str
    name: str
    identity: str | None = None

    @property
    def is_instance(self) -> bool:
        """Whether it is an EC2 instance."""
        return self.alias.startswith("i-")

    def resolve_target(self) -> SshTarget:
        """Return the current SSH target; an instance's address is looked up by its id."""
        if not self.is_instance:
            return _host(self.alias, self.identity)
        aws = context.load()
        return self._instance_login(aws, aws.ec2.describe_instance(self.alias))

    def _instance_login(self, aws: Context, instance: Instance) -> SshTarget:
        if instance.state != "running":
            raise WrongState(
                f"{instance.name} is {instance.state}: it must be running.",
                fix="%aws_start, then %gpu_connect",
            )
        return access.resolve_target(aws, instance, identity=self.identity)

    def authorize_and_resolve(self) -> SshTarget:
        """Allow this computer's current IP address, then resolve again, after a lost connection."""
        if not self.is_instance:
            return self.resolve_target()
        aws = context.load()
        instance = aws.ec2.describe_instance(self.alias)
        access.authorize_own_address(aws, instance)
        return self._instance_login(aws, instance)

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `SshHost(**values)` takes back."""
        return asdict(self)


def resolve(word: str | None = None, identity: str | None = None) -> SshHost:
    """Return the host for an instance's name or id, `user@host`, or an entry of ssh_config."""
    if word and ("@" in word or ssh_config.is_configured(word)):
        return SshHost(alias=word, name=word, identity=identity)
    instance = context.load().resolve_instance(word)
    return SshHost(alias=instance.id, name=instance.name, identity=identity)


def _host(word: str, identity: str | None) -> SshTarget:
    user, _, address = word.rpartition("@")
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdigit()):
        host, port = address, ""
    return SshTarget(
        alias=word,
        name=word,
        host=host,
        user=user,
        port=int(port) if port else None,
        key_file=Path(identity).expanduser() if identity else None,
    )
