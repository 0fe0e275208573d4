"""The aws and ssh commands that do what a magic does, for pasting into a terminal."""

from __future__ import annotations

import shlex

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError


class Script(str):
    """Shell commands, which a cell shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def make_script(context: Context, *commands: list[str]) -> Script:
    """Return the commands, after exports of the selected profile and region."""
    exports = [
        f"export {name}={shlex.quote(value)}" for name, value in _environment(context).items()
    ]
    return Script("\n".join([*exports, *map(shlex.join, commands)]))


def list_script(context: Context) -> Script:
    """Return the command that lists all instances."""
    query = "Reservations[].Instances[].[InstanceId,InstanceType,State.Name,PublicIpAddress]"
    return make_script(
        context, ec2_command("describe-instances", "--query", query, "--output", "table")
    )


def state_script(context: Context, instance: Instance) -> Script:
    """Return the command that shows the state."""
    return make_script(context, _describe_command(instance, "State.Name"))


def ip_script(context: Context, instance: Instance) -> Script:
    """Return the command that shows the public IP address."""
    return make_script(context, _describe_command(instance, "PublicIpAddress"))


def start_script(context: Context, instance: Instance) -> Script:
    """Return the commands that open port 22, start, wait, and show the address."""
    ids = ["--instance-ids", instance.id]
    return make_script(
        context,
        *_rule_commands(context, instance),
        ec2_command("start-instances", *ids),
        ec2_command("wait", "instance-running", *ids),
        _describe_command(instance, "PublicIpAddress"),
    )


def stop_script(context: Context, instance: Instance) -> Script:
    """Return the commands that stop the instance and wait."""
    ids = ["--instance-ids", instance.id]
    return make_script(
        context, ec2_command("stop-instances", *ids), ec2_command("wait", "instance-stopped", *ids)
    )


def terminate_script(context: Context, instance: Instance) -> Script:
    """Return the commands that terminate the instance and wait."""
    ids = ["--instance-ids", instance.id]
    return make_script(
        context,
        ec2_command("terminate-instances", *ids),
        ec2_command("wait", "instance-terminated", *ids),
    )


def resize_script(context: Context, instance: Instance, type_: str) -> Script:
    """Return the commands that change the type; a running instance is stopped and started."""
    ids = ["--instance-ids", instance.id]
    change = ec2_command(
        "modify-instance-attribute",
        "--instance-id",
        instance.id,
        "--instance-type",
        f"Value={type_}",
    )
    if not instance.costs_money:
        return make_script(context, change)
    return make_script(
        context,
        ec2_command("stop-instances", *ids),
        ec2_command("wait", "instance-stopped", *ids),
        change,
        ec2_command("start-instances", *ids),
        ec2_command("wait", "instance-running", *ids),
    )


def ssh_script(context: Context, instance: Instance, command: str) -> Script:
    """Return the ssh command, with the same host key check as the magics use."""
    words = access.resolve_target(context, instance).command_line()
    return Script(shlex.join([*words, *([command] if command else [])]))


def ec2_command(*words: str) -> list[str]:
    """Return an `aws ec2` command line."""
    return ["aws", "ec2", *words]


def _rule_commands(context: Context, instance: Instance) -> list[list[str]]:
    if not instance.ours:
        return []
    try:
        sources = access.resolve_sources(context)
    except DLMagicsError:
        sources = ["YOUR-ADDRESS/32"]
    return [
        ec2_command(
            *("authorize-security-group-ingress", "--group-id", group),
            *access.rule_options(source),
        )
        for group in instance.groups
        for source in sources
        if access.is_closed(context, group, source)
    ]


def _describe_command(instance: Instance, field: str) -> list[str]:
    query = f"Reservations[0].Instances[0].{field}"
    ids = ["--instance-ids", instance.id]
    return ec2_command("describe-instances", *ids, "--query", query, "--output", "text")


def _environment(context: Context) -> dict[str, str]:
    return {**context.profile.environment, "AWS_DEFAULT_REGION": context.session.region or ""}
