"""An SSH host that may run a GPU kernel, and how to resolve its current SSH target."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dl_magics.actions.aws import access, context
from dl_magics.actions.aws.context import Context
from dl_magics.aws.profile import AwsProfile
from dl_magics.core.instance import Instance, is_instance_id
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import BadSetting, NoSuchInstance, WrongState
from dl_magics.ssh import ssh_config, target
from dl_magics.ssh.target import SshTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class SshHost:
    """An EC2 instance, identified by its id, or any other SSH host, by its name as typed.

    `profile` is the AWS profile with which the instance was found; it is used also after another
    one is selected. None stands for the selected profile.
    """

    alias: str
    name: str
    identity: str | None = None
    profile: AwsProfile | None = None

    @property
    def is_instance(self) -> bool:
        """Whether it is an EC2 instance."""
        return is_instance_id(self.alias)

    def load_context(self) -> Context:
        """Return the context of the instance's AWS profile.

        Raises
        ------
        WrongState
            where the instance is in a practice cloud that has ended.
        """
        try:
            return context.load_for(self.profile) if self.profile else context.load()
        except WrongState as error:
            raise WrongState(
                f"{self.name} is in the practice cloud, which is not running.",
                fix=f"{error.fix} · to work on this computer: %gpu_disconnect",
            ) from error

    def resolve_target(self) -> SshTarget:
        """Return the current SSH target; an instance's address is looked up by its id."""
        if not self.is_instance:
            return _host(self.alias, self.identity)
        aws = self.load_context()
        return self._instance_login(aws, aws.ec2.describe_instance(self.alias))

    def find_start(self) -> float:
        """Return when its instance was started last, by the clock of this computer.

        That is 0 for any other host. Raises WrongState or NoSuchInstance if it does not run.
        """
        if not self.is_instance:
            return 0.0
        instance = self.load_context().ec2.describe_instance(self.alias)
        _check_running(instance)
        return time.time() - instance.seconds

    def _instance_login(self, aws: Context, instance: Instance) -> SshTarget:
        _check_running(instance)
        return access.resolve_target(aws, instance, identity=self.identity)

    def authorize_and_resolve(self) -> SshTarget:
        """Allow this computer's current IP address, then resolve again, after a lost connection."""
        if not self.is_instance:
            return self.resolve_target()
        aws = self.load_context()
        instance = aws.ec2.describe_instance(self.alias)
        target = self._instance_login(aws, instance)
        access.authorize_own_address(aws, instance)
        return target

    def is_terminated(self) -> bool:
        """Whether it is an instance that was terminated: its disk and its kernels are gone."""
        if not self.is_instance:
            return False
        try:
            return self.load_context().ec2.describe_instance(self.alias).gone
        except NoSuchInstance:
            return True

    def until_booted(self) -> Iterator[str]:
        """Wait until SSH answers on an instance that has just started; yield what is waited for.

        Any other host, and an instance that started more than five minutes ago, is not waited for.

        Raises
        ------
        NoAnswer
            if SSH has not answered five minutes after the start.
        """
        if not self.is_instance:
            return
        aws = self.load_context()
        instance = aws.ec2.describe_instance(self.alias)
        remaining = access.BOOT_SECONDS - instance.seconds
        if instance.state != "running" or remaining <= 0:
            return
        if access.is_listening(aws, instance):
            return
        yield f"{instance.name} started {instance.seconds:.0f} s ago: waiting until SSH answers."
        for _ in access.until_ssh_answers(aws, aws.ec2, instance, seconds=remaining):
            pass

    def to_json(self) -> dict[str, Any]:
        """Return values for JSON, which `from_json` accepts."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SshHost:
        """Return the host of `to_json`."""
        profile = values.get("profile")
        return cls(**{**values, "profile": AwsProfile(**profile) if profile else None})


def resolve(
    word: str | None = None,
    identity: str | None = None,
    user: str | None = None,
    *,
    store: bool = True,
) -> SshHost:
    """Return the host for an instance's name or id, `user@host`, or an entry of ssh_config.

    With `store`, a `user` that is named for an instance is kept for all that logs in to it.

    Raises
    ------
    BadSetting
        if the user, address or port is not valid, or ssh_config cannot be read.
    """
    if word and is_ssh_host(word):
        word = _add_user(word, user)
        _host(word, identity)
        return SshHost(alias=word, name=word, identity=identity)
    aws = context.load()
    instance = aws.resolve_instance(word)
    if store:
        access.remember_login(instance, user, None)
    return SshHost(alias=instance.id, name=instance.name, identity=identity, profile=aws.profile)


def _check_running(instance: Instance) -> None:
    if instance.gone:
        raise WrongState(
            f"{instance.name} is {instance.state}: its disk and its kernels are gone.",
            fix="%aws_launch rents another instance · to work on this computer: %gpu_disconnect",
        )
    if instance.state != "running":
        name = quote_name(instance.name, instance.id)
        raise WrongState(
            f"{instance.name} is {instance.state}: it must be running.",
            fix=f"%aws_start {name}, then %gpu_connect {name} · to work on this computer: "
            "%gpu_disconnect",
        )


def _add_user(word: str, user: str | None) -> str:
    """Return `user@host` for a user that is named beside the host."""
    before, at, _ = word.rpartition("@")
    if not user or before == user:
        return word
    if at:
        raise BadSetting(
            f"Two users are named: {before!r:.100} in {word!r:.100}, and --user {user!r:.100}.",
            fix="Name one: %gpu_connect USER@HOST",
        )
    return f"{user}@{word}"


def is_ssh_host(word: str) -> bool:
    """Return whether a word is `user@host`, an address or an entry of ssh_config."""
    if is_instance_id(word):
        return False
    return "@" in word or target.is_address(word) or ssh_config.is_configured(word)


def _host(word: str, identity: str | None) -> SshTarget:
    user, host, port = target.parse_destination(word)
    return SshTarget(
        alias=word,
        name=word,
        host=host,
        user=user,
        port=port,
        key_file=Path(identity).expanduser() if identity else None,
    )
