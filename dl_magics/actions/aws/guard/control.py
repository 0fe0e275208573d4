"""Ask the guard of an instance, keep the instance running, change its limits, install a guard."""

from __future__ import annotations

from dataclasses import dataclass

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import alarm, records
from dl_magics.actions.aws.guard.limits import GuardLimits
from dl_magics.aws.spot import requests
from dl_magics.core.instance import Instance
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import NotConfirmed, WrongState
from dl_magics.guard import client
from dl_magics.guard.status import GuardStatus
from dl_magics.ssh import blocking
from dl_magics.store import change_signal


@dataclass(frozen=True, slots=True)
class GuardChange:
    """What a guard says after a change; `note` is why AWS did not change its alarm, or ""."""

    status: GuardStatus
    note: str = ""


def read_status(context: Context, instance: Instance) -> GuardStatus | None:
    """Return the status of the guard of a running instance; None if it has none."""
    status = blocking.wait_for(client.read_status(access.resolve_target(context, instance)))
    if status:
        records.note_status(instance.id, status)
    return status


def keep_running(context: Context, instance: Instance, seconds: float | None) -> GuardChange:
    """Keep an idle instance running for so long; None ends that. A hard end is not moved.

    Raises
    ------
    WrongState
        if the instance is not running, or has no guard.
    """
    status = _change(context, instance, {"keep_seconds": seconds})
    idle = status.settings.idle_seconds
    return GuardChange(status, alarm.arm_alarm(context, instance, idle, seconds or 0.0))


def change_idle_timeout(context: Context, instance: Instance, seconds: float | None) -> GuardChange:
    """Change the idle timeout of a running instance; None turns it off."""
    return change_limits(context, instance, {"idle_seconds": seconds})


def change_limits(
    context: Context, instance: Instance, changes: dict[str, float | None]
) -> GuardChange:
    """Change the limits of a running instance, as `LimitOptions.make_changes` returns them."""
    status = _change(context, instance, changes)
    if "idle_seconds" not in changes:
        return GuardChange(status)
    idle = changes["idle_seconds"]
    return GuardChange(status, alarm.arm_alarm(context, instance, idle, status.kept_left))


def install_guard(context: Context, instance: Instance, limits: GuardLimits) -> GuardChange:
    """Install the guard on a running instance; one that is there keeps its settings.

    Raises
    ------
    NotConfirmed
        if a shutdown of this instance would terminate it and delete its disk.
    WrongState
        if it is a spot instance that can only be terminated.
    """
    requests.check_stoppable(context.session, instance)
    if read_shutdown_behavior(context, instance) != "stop":
        raise NotConfirmed(
            f"The guard stops an instance by a shutdown, which would terminate {instance.name} "
            f"({instance.id}).",
            fix=change_behavior_command(instance),
        )
    target = access.resolve_target(context, instance)
    home = blocking.run_command(target, "pwd").stdout.strip()
    status = blocking.wait_for(client.install_guard(target, limits.make_settings(home)))
    records.note_status(instance.id, status)
    idle = status.settings.idle_seconds
    return GuardChange(status, alarm.arm_alarm(context, instance, idle, status.kept_left))


def read_shutdown_behavior(context: Context, instance: Instance) -> str:
    """Return what a shutdown in an instance does: `stop` or `terminate`."""
    answer = context.session.query(
        "ec2",
        "describe_instance_attribute",
        InstanceId=instance.id,
        Attribute="instanceInitiatedShutdownBehavior",
    )
    return str(answer["InstanceInitiatedShutdownBehavior"]["Value"])


def change_behavior_command(instance: Instance) -> str:
    """Return the command after which a shutdown stops an instance."""
    return (
        f"aws ec2 modify-instance-attribute --instance-id {instance.id} "
        "--instance-initiated-shutdown-behavior stop"
    )


def _change(context: Context, instance: Instance, changes: dict[str, float | None]) -> GuardStatus:
    target = access.resolve_target(context, instance)
    status = blocking.wait_for(client.change_settings(target, changes))
    if status is None:
        raise WrongState(
            f"{instance.name} has no guard: it does not stop automatically.",
            fix=f"%aws_get {quote_name(instance.name, instance.id)} --guard installs it.",
        )
    records.note_status(instance.id, status)
    # The Jupyter server then asks the guard at once.
    change_signal.note_change()
    return status
