"""SSH access to an instance: allowed address ranges, key and login; wait until SSH answers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dl_magics.actions.aws.context import Context
from dl_magics.aws import images
from dl_magics.aws.ec2 import Ec2
from dl_magics.aws.network import own_address, security_group
from dl_magics.core.instance import Instance
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import NoAddress, NoAnswer, WrongState
from dl_magics.ssh import blocking, host_key_rotation, keys
from dl_magics.ssh.target import SshTarget
from dl_magics.store import logins

LOGIN_KEY = "id_ed25519"
_NONE = "none"
BOOT_SECONDS = 300.0
_DESCRIBE_SECONDS = 5.0
_BASTION = (
    "It costs money: %aws_stop {0} stops it. It has no public address: connect the VPN, or name a "
    "bastion as ProxyJump for its address in a file: %aws_profile --ssh-config FILE"
)
_SLOW = (
    "It costs money: %aws_stop {0} stops it · %aws_start {0} waits longer · %aws_check checks the "
    "security group."
)


def our_name() -> str:
    """Return the name of our key pair and security group: one of each per key of the user."""
    return name_for(keys.ensure_key_pair(LOGIN_KEY))


def find_our_name() -> str | None:
    """Return that name, or None if this computer has no key of ours yet; create none."""
    key = keys.find_key_pair(LOGIN_KEY)
    return name_for(key) if key else None


def name_for(key: keys.KeyPair) -> str:
    """Return the name of the key pair and security group that belong to a key."""
    return f"dl-magics-{key.short}"


def resolve_sources(context: Context) -> list[str]:
    """Return the CIDR ranges of `--allow-from`, or this computer's public address as a /32."""
    named = context.allow_from
    return list(named) or [own_address.find_own_address(context.profile.address_url)]


def authorize_own_address(context: Context, instance: Instance) -> str:
    """Allow SSH from this computer's current address; return what changed, as a sentence, or "".

    Security groups that dl_magics did not create are not changed. If the address is not known, the
    rules stay as they are, since they may be right.

    Raises
    ------
    NoAddress
        if the address is not known and port 22 is not open to any.
    """
    group = find_own_group(context, instance)
    if group is None:
        return ""
    try:
        change = security_group.authorize_sources(context.session, group, resolve_sources(context))
    except NoAddress as error:
        allowed = security_group.list_sources(context.session, group)
        if not allowed:
            raise
        return f"Port 22 stays open to {', '.join(allowed)}. {error} {error.fix}"
    return f"{change}." if change else ""


def connect_members(context: Context, instances: Sequence[Instance]) -> None:
    """Allow instances to connect to each other, by a rule of the security group that all have.

    Security groups that dl_magics did not create are not changed.
    """
    groups = {find_own_group(context, each) for each in instances}
    for group in sorted(filter(None, groups)):
        security_group.authorize_members(context.session, group)


def find_own_group(context: Context, instance: Instance) -> str | None:
    """Return the id of the security group that dl_magics created for an instance, or None."""
    name = find_our_name()
    if name is None or not instance.ours:
        return None
    # A missing group is not created: the instance would not be in it.
    groups = security_group.find_groups(context.session, name).values()
    return next((each for each in groups if each in instance.groups), None)


def resolve_target(context: Context, instance: Instance, identity: str | None = None) -> SshTarget:
    """Return how to log in to a running instance; `identity` is a private key file of the user.

    Without a public address it is reached at its private one: through a VPN, or the ProxyJump of
    the ssh_config file.

    Raises
    ------
    WrongState
        if the instance is not running or has no address yet.
    """
    if not instance.address or instance.state != "running":
        raise WrongState(
            f"{instance.name} is {instance.state}: it has no address.",
            fix=f"%aws_start {quote_name(instance.name, instance.id)}",
        )
    key = keys.find_key_pair(LOGIN_KEY)
    ours = key.file if key and instance.key == name_for(key) else None
    login = logins.find_login(instance.id)
    key_file = identity or login.identity
    return SshTarget(
        alias=instance.id,
        name=instance.name,
        host=instance.address,
        user=login.user or instance.user or images.read_login_user(context.session, instance.image),
        key_file=Path(key_file).expanduser() if key_file else ours,
        config=context.profile.ssh_config,
        is_instance=True,
    )


def remember_login(instance: Instance, user: str | None, identity: str | None) -> None:
    """Use this login user and this private key file for an instance from now on.

    None keeps the one that was named before, "none" forgets it.

    Raises
    ------
    BadSetting, NoSuchFile
        if this is not a user name, or not a private key file.
    """
    if user is None and identity is None:
        return
    login = logins.find_login(instance.id)
    if user is not None:
        named = "" if user == _NONE else user
        # It refuses what is not a user name.
        SshTarget(alias=instance.id, name=instance.name, host=instance.id, user=named)
        login = replace(login, user=named)
    if identity is not None:
        file = "" if identity == _NONE else str(Path(identity).expanduser().absolute())
        if file:
            keys.check_private_key(Path(file))
        login = replace(login, identity=file)
    logins.remember_login(instance.id, login)


def is_reachable(context: Context, instance: Instance) -> bool:
    """Return whether SSH answers on a running instance."""
    return blocking.wait_for(host_key_rotation.is_reachable(resolve_target(context, instance)))


def is_listening(context: Context, instance: Instance) -> bool:
    """Return whether SSH answers on a running instance, without a login."""
    return blocking.wait_for(host_key_rotation.is_listening(resolve_target(context, instance)))


def until_ssh_answers(
    context: Context, ec2: Ec2, instance: Instance, *, seconds: float = BOOT_SECONDS
) -> Iterator[Instance]:
    """Yield the instance when its address changes, and finally when SSH answers.

    Raises
    ------
    NoAnswer
        if SSH has not answered after so many seconds.
    WrongState
        if the instance is stopped or terminated meanwhile.
    """
    began = described = time.monotonic()
    while not is_reachable(context, instance):
        time.sleep(0.5)
        now = time.monotonic()
        if now - described > _DESCRIBE_SECONDS:
            described, before = now, instance
            instance = ec2.describe_instance(instance.id)
            if instance.state != "running":
                raise _ended_early(instance)
            if instance.address != before.address:
                yield instance
        if now - began > seconds:
            advice = _SLOW if instance.ip else _BASTION
            raise NoAnswer(
                f"{instance} but SSH has not answered for {seconds:.0f} s.",
                fix=advice.format(quote_name(instance.name, instance.id)),
            )
    yield replace(instance, answers=True)


def _ended_early(instance: Instance) -> WrongState:
    """Return the error for an instance that was stopped or terminated while it was waited for."""
    why = f" ({instance.reason})" if instance.reason else ""
    is_gone = instance.state in ("shutting-down", "terminated")
    return WrongState(
        f"{instance.name} is {instance.state}{why}: it ended before SSH answered.",
        fix="%aws_list shows the others." if is_gone else f"%aws_start {instance.id}",
    )
