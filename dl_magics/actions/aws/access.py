"""SSH access to an instance: allowed address ranges, key and login; wait until SSH answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dl_magics.actions.aws.context import Context
from dl_magics.aws.ec2 import Ec2
from dl_magics.aws.network import own_address, security_group
from dl_magics.core.instance import Instance
from dl_magics.errors import NoAnswer, WrongState
from dl_magics.ssh import blocking, host_key_rotation, keys
from dl_magics.ssh.target import SshTarget

LOGIN_KEY = "id_ed25519"
_TIMEOUT_SECONDS = 300.0
_DESCRIBE_SECONDS = 5.0


def our_name() -> str:
    """Return the name of our key pair and security group: one of each per key of the user."""
    return f"dl-magics-{keys.ensure_key_pair(LOGIN_KEY).short}"


def resolve_sources(context: Context) -> list[str]:
    """Return the CIDR ranges of `--allow-from`, or this computer's public address as a /32."""
    named = context.allow_from
    return list(named) or [own_address.find_own_address(context.profile.address_url)]


def authorize_own_address(context: Context, instance: Instance) -> bool:
    """Allow SSH from this computer's current address; return whether the rules were changed.

    Security groups that dl_magics did not create are not changed.
    """
    if not instance.ours:
        return False
    session = context.session
    # A missing group is not created: the instance would not be in it.
    group = security_group.group_id(session, our_name())
    return (
        group is not None
        and group in instance.groups
        and security_group.authorize_sources(session, group, resolve_sources(context))
    )


def resolve_target(context: Context, instance: Instance, identity: str | None = None) -> SshTarget:
    """Return how to log in to a running instance; `identity` is a private key file of the user.

    Raises
    ------
    WrongState
        if the instance is not running or has no public address yet.
    """
    if not instance.ip or instance.state != "running":
        raise WrongState(
            f"{instance.name} is {instance.state}: it has no public address.", fix="%aws_start"
        )
    ours = keys.ensure_key_pair(LOGIN_KEY).file if instance.key == our_name() else None
    return SshTarget(
        alias=instance.id,
        name=instance.name,
        host=instance.ip,
        user=instance.user,
        key_file=Path(identity).expanduser() if identity else ours,
        config=context.profile.ssh_config,
        is_instance=True,
    )


def until_ssh_answers(context: Context, ec2: Ec2, instance: Instance) -> Iterator[Instance]:
    """Yield the instance when its address changes, and finally when SSH answers.

    Raises
    ------
    NoAnswer
        if SSH has not answered after five minutes.
    """
    began = described = time.monotonic()
    while not blocking.wait_for(host_key_rotation.is_reachable(resolve_target(context, instance))):
        time.sleep(0.5)
        now = time.monotonic()
        if now - described > _DESCRIBE_SECONDS:
            described, before = now, instance
            instance = ec2.describe_instance(instance.id)
            if instance.ip != before.ip:
                yield instance
        if now - began > _TIMEOUT_SECONDS:
            raise NoAnswer(
                f"{instance} but SSH has not answered for {_TIMEOUT_SECONDS / 60:.0f} minutes.",
                fix="It costs money: %aws_stop stops it · %aws_start waits longer · %aws_check "
                "checks the security group.",
            )
    yield replace(instance, answers=True)


def is_closed(context: Context, group: str, source: str) -> bool:
    """Whether a security group does not yet allow SSH from a source."""
    return not security_group.is_open(context.session, group, source)
