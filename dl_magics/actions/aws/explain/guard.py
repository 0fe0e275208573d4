"""What the magics of the guard ask an instance over SSH, as commands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.explain.shell import Script, comment, ec2_command, make_script
from dl_magics.core.instance import Instance
from dl_magics.guard import client
from dl_magics.store import paths, state

_BEHAVIOR = "instanceInitiatedShutdownBehavior"


def ask_script(
    context: Context, instance: Instance, changes: Mapping[str, float | None] | None = None
) -> Script:
    """Return the command that changes settings of the guard of an instance, or only asks it."""
    return Script(ask_step(context, instance, changes))


def idle_script(
    context: Context, instance: Instance | None, changes: Mapping[str, float | None] | None
) -> Script:
    """Return what `%idle_timeout` stores or reads, and what it tells a running instance."""
    file = paths.data_folder() / state.FILE_NAME
    if changes is None:
        return Script(comment(f"reads {file}"))
    stores = comment(f"stores in {file} the idle timeout of instances that are launched later")
    changed = [ask_step(context, instance, changes)] if instance else []
    return Script("\n".join([stores, *changed]))


def safety_script(context: Context, instance: Instance) -> Script:
    """Return what `%aws_safety` asks an instance and AWS."""
    if not instance.costs_money:
        return make_script(context, [])
    query = ec2_command(
        "describe_instance_attribute", {"InstanceId": instance.id, "Attribute": _BEHAVIOR}
    )
    return make_script(context, [ask_step(context, instance), query])


def ask_step(
    context: Context, instance: Instance, changes: Mapping[str, float | None] | None = None
) -> str:
    """Return the step that changes settings of the guard of an instance, or only asks it."""
    words = access.resolve_target(context, instance).command_line()
    return shlex.join([*words, client.build_command(changes)])
