"""The aws and ssh commands that do what a magic does, for pasting into a terminal.

Nothing is changed or stored to make them. A magic and its commands send the same requests to AWS
and run the same commands on the instance: tests/actions/aws/explain/test_scripts.py compares them.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

from dl_magics.actions.aws import access, cleanup
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.explain import alarm, guard, steps
from dl_magics.actions.aws.explain.shell import (
    Script,
    Variable,
    aws_command,
    ec2_command,
    join,
    make_script,
)
from dl_magics.actions.aws.guard.alarm import KIND
from dl_magics.actions.aws.guard.limits import LimitOptions
from dl_magics.actions.aws.resources import Resources
from dl_magics.core.instance import Instance
from dl_magics.guard import client

_COLUMNS = "Reservations[].Instances[].[InstanceId,InstanceType,State.Name,PublicIpAddress]"


def list_script(context: Context, *, everywhere: bool = False) -> Script:
    """Return the command that lists all instances, of this region or of each that is enabled."""
    table = ["--query", _COLUMNS, "--output", "table"]
    if not everywhere:
        return make_script(context, [ec2_command("describe_instances", {}, *table)])
    names = ["--query", "Regions[].RegionName", "--output", "text"]
    regions = ec2_command("describe_regions", {}, *names)
    one = join("aws", "ec2", "describe-instances", "--region", Variable("$REGION"), *table)
    return make_script(context, [f"for REGION in $({regions}); do {one}; done"])


def state_script(context: Context, instance: Instance) -> Script:
    """Return the command that shows the state."""
    return make_script(context, [steps.describe_step(instance.id, "State.Name")])


def ip_script(context: Context, instance: Instance) -> Script:
    """Return the command that shows the public IP address."""
    return make_script(context, [steps.describe_step(instance.id, "PublicIpAddress")])


def start_script(
    context: Context, instance: Instance, limits: LimitOptions | None = None
) -> Script:
    """Return the commands that open port 22, start, wait, log in once, and set these limits."""
    done = steps.start_steps(context, instance)
    if limits and limits.words:
        command = client.build_command(limits.make_changes(instance.type_dollars))
        done.append(steps.command_step(context, instance, command))
    return make_script(context, done)


def stop_script(context: Context, *instances: Instance) -> Script:
    """Return the commands that ask each guard for the receipt, stop its instance and wait."""
    done: list[str] = []
    for each in instances:
        used = [guard.ask_step(context, each)] if each.state == "running" else []
        done += [*used, *steps.stop_steps(each)]
    return make_script(context, done)


def terminate_script(context: Context, instance: Instance) -> Script:
    """Return the commands that terminate the instance and wait."""
    request = instance.spot_request
    ends = steps.cancel_steps(request)
    if not instance.gone:
        ends = steps.terminate_steps(instance.id, request)
    return make_script(context, [*ends, *alarm.delete_steps(instance.id)])


def resize_script(context: Context, instance: Instance, type_: str) -> Script:
    """Return the commands that change the type; a running instance is stopped and started."""
    if instance.type == type_:
        return make_script(context, [])
    change = {"InstanceId": instance.id, "InstanceType": {"Value": type_}}
    stopped = replace(instance, state="stopped", type=type_)
    start = steps.start_steps(context, stopped) if instance.costs_money else []
    changed = ec2_command("modify_instance_attribute", change)
    return make_script(context, [*steps.stop_steps(instance), changed, *start])


def cleanup_script(context: Context, resources: Resources) -> Script:
    """Return the commands that delete what dl_magics created: instances first, then the rest."""
    lines: list[str] = []
    for each in sorted(resources.each, key=lambda one: one.kind != "instance"):
        if each.kind == "instance":
            deleting = steps.terminate_steps(each.id, each.spot_request)
        elif each.kind == cleanup.SPOT_REQUEST:
            deleting = steps.cancel_steps(each.id)
        elif each.kind == KIND:
            deleting = [aws_command("cloudwatch", "delete_alarms", {"AlarmNames": [each.id]})]
        elif each.kind == "security-group":
            deleting = [ec2_command("delete_security_group", {"GroupId": each.id})]
        else:
            deleting = [ec2_command("delete_key_pair", {"KeyName": each.name})]
        lines += [f"{line} --region {shlex.quote(each.region)}" for line in deleting]
    return make_script(context, lines)


def ssh_script(context: Context, instance: Instance, command: str) -> Script:
    """Return the ssh command, with the same host key check as the magics use."""
    words = access.resolve_target(context, instance).command_line()
    return Script(shlex.join([*words, *([command] if command else [])]))


def trust_script(context: Context, instance: Instance) -> Script:
    """Return the commands that show the host key: as the instance presents it, and as AWS does."""
    target = access.resolve_target(context, instance)
    scan = join("ssh-keyscan", "-t", "ed25519", target.host)
    query = ["--query", "Output", "--output", "text"]
    console = ec2_command("get_console_output", {"InstanceId": instance.id}, *query)
    return make_script(context, [scan, console])
