"""What the magics of the guard ask an instance over SSH, as commands."""

from __future__ import annotations

import time
from collections.abc import Mapping

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.explain import alarm
from dl_magics.actions.aws.explain.shell import (
    NO_INPUT,
    Script,
    aws_command,
    comment,
    ec2_command,
    join,
    make_script,
)
from dl_magics.actions.aws.guard import records
from dl_magics.aws.monitoring import cloudwatch
from dl_magics.core.instance import Instance
from dl_magics.guard import client
from dl_magics.guard.service.settings import Settings
from dl_magics.store import paths, state

_SHOWN_SECONDS = 7200.0
_BEHAVIOR = "instanceInitiatedShutdownBehavior"


def ask_script(
    context: Context, instance: Instance, changes: Mapping[str, float | None] | None = None
) -> Script:
    """Return the commands that change the guard of an instance and its alarm, or only ask it."""
    if changes is None:
        return Script(ask_step(context, instance))
    return make_script(context, change_steps(context, instance, changes))


def idle_script(
    context: Context, instance: Instance | None, changes: Mapping[str, float | None] | None
) -> Script:
    """Return what `%idle_timeout` stores or reads, and what it tells the selected instance."""
    file = paths.data_folder() / state.FILE_NAME
    if changes is None:
        return Script(comment(f"reads {file}"))
    stores = comment(f"stores in {file} the idle timeout of instances that are launched later")
    if instance is None:
        return Script(stores)
    return make_script(context, [stores, *change_steps(context, instance, changes)])


def safety_script(context: Context, instance: Instance) -> Script:
    """Return what `%aws_safety` asks an instance and AWS."""
    if not instance.costs_money:
        return make_script(context, [])
    query = ec2_command(
        "describe_instance_attribute", {"InstanceId": instance.id, "Attribute": _BEHAVIOR}
    )
    named = {"AlarmNames": [cloudwatch.alarm_name(instance.id)]}
    alarms = aws_command("cloudwatch", "describe_alarms", named)
    used = cloudwatch.make_use_parameters(instance.id, _SHOWN_SECONDS)
    use = aws_command("cloudwatch", "get_metric_statistics", used)
    return make_script(context, [ask_step(context, instance), query, alarms, use])


def change_steps(
    context: Context, instance: Instance, changes: Mapping[str, float | None]
) -> list[str]:
    """Return the steps that change the guard of an instance and its alarm."""
    asked = ask_step(context, instance, changes)
    return [asked, *_alarm_steps(context, instance, changes)]


def _alarm_steps(
    context: Context, instance: Instance, changes: Mapping[str, float | None]
) -> list[str]:
    """Return the step that sets the alarm to the limits of the guard."""
    record = records.read_record(instance.id)
    idle = record.idle_seconds if record else Settings.idle_seconds
    idle = changes.get("idle_seconds", idle)
    kept = changes.get("keep_seconds", max(0.0, record.kept_until - time.time()) if record else 0)
    return alarm.put_steps(context, instance.id, instance.type, idle, kept or 0.0)


def ask_step(
    context: Context, instance: Instance, changes: Mapping[str, float | None] | None = None
) -> str:
    """Return the step that changes settings of the guard of an instance, or only asks it."""
    words = access.resolve_target(context, instance).command_line()
    return join(*words, client.build_command(changes), NO_INPUT)
