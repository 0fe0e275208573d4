"""The steps of a start, stop and termination, and of the first login, as lines of a shell."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.explain import alarm
from dl_magics.actions.aws.explain.shell import NO_INPUT, Variable, ec2_command, join
from dl_magics.aws import volumes
from dl_magics.aws.network import security_group
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError
from dl_magics.ssh import host_key_rotation, known_hosts
from dl_magics.ssh.target import SshTarget

UNKNOWN_ADDRESS = "192.0.2.1"


def describe_step(id_: str, field: str) -> str:
    """Return the step that shows a field of an instance."""
    query = ["--query", f"Reservations[0].Instances[0].{field}", "--output", "text"]
    return ec2_command("describe_instances", {"InstanceIds": [id_]}, *query)


def start_steps(
    context: Context, instance: Instance, *, temporary: bool | None = None
) -> list[str]:
    """Return the steps of a start, from the rules for port 22 to the first login.

    `temporary` is whether its host key was in the user data; None looks it up.
    """
    steps = port_steps(context, instance)
    if instance.state == "stopping":
        steps.append(wait_step("stopped", instance.id))
    if instance.state in ("stopping", "stopped"):
        steps += power_on_steps(context, instance, instance.id)
    if temporary is None:
        temporary = known_hosts.is_temporary(instance.id)
    pinned = temporary or bool(known_hosts.pinned_lines(instance.id))
    login = login_steps(context, instance, instance.id, pinned=pinned, temporary=temporary)
    return [*steps, wait_step("running", instance.id), *login]


def power_on_steps(context: Context, instance: Instance, id_: str) -> list[str]:
    """Return the steps that start a stopped instance; AWS notes the stop of a spot one late.

    `id_` is the id of the instance, or a variable that has it.
    """
    noted = [_settled_step(instance.spot_request)] if instance.spot_request else []
    start = ec2_command("start_instances", {"InstanceIds": [id_]})
    return [*noted, *alarm.renew_steps(context, instance, id_), start]


def stop_steps(instance: Instance) -> list[str]:
    """Return the steps of a stop; none for an instance that is stopped.

    Raises WrongState for one that EC2 cannot stop.
    """
    volumes.check_stoppable(instance)
    if instance.gone or instance.state == "stopped":
        return []
    stop = ec2_command("stop_instances", {"InstanceIds": [instance.id]})
    return [*([stop] if instance.costs_money else []), wait_step("stopped", instance.id)]


def cancel_steps(spot_request: str) -> list[str]:
    """Return the steps that cancel a spot request; none without one."""
    if not spot_request:
        return []
    parameters = {"SpotInstanceRequestIds": [spot_request]}
    return [ec2_command("cancel_spot_instance_requests", parameters)]


def terminate_steps(id_: str, spot_request: str) -> list[str]:
    """Return the steps of a termination; the request of a spot instance is cancelled first."""
    return [
        *cancel_steps(spot_request),
        ec2_command("terminate_instances", {"InstanceIds": [id_]}),
        wait_step("terminated", id_),
    ]


def wait_step(state: str, id_: str) -> str:
    """Return the step that waits until an instance has a state."""
    return join("aws", "ec2", "wait", f"instance-{state}", "--instance-ids", id_)


def _settled_step(spot_request: str) -> str:
    """Return the step that waits until AWS has taken note of the stop of a spot instance."""
    query = ["--query", "SpotInstanceRequests[0].State", "--output", "text"]
    parameters = {"SpotInstanceRequestIds": [spot_request]}
    state = ec2_command("describe_spot_instance_requests", parameters, *query)
    return f'until [ "$({state})" = disabled ]; do sleep 3; done'


def rule_steps(rules: dict[str, list[dict[str, Any]]], group: str) -> list[str]:
    """Return the steps that change the rules of a security group, if there are changes."""
    return [
        ec2_command(call, {"GroupId": group, "IpPermissions": permissions})
        for call, permissions in rules.items()
        if permissions
    ]


def login_steps(
    context: Context,
    instance: Instance,
    id_: str,
    *,
    pinned: bool,
    temporary: bool,
    identity: str | None = None,
) -> list[str]:
    """Return the steps of the first login: a host key that was in the user data is replaced.

    `id_` is the id of the instance, or a variable that has it. An instance whose host key is not
    pinned is only asked for it.
    """
    address = f"IP=$({address_step(id_)})"
    if not pinned:
        scan = join("ssh-keyscan", "-t", "ed25519", Variable("$IP"))
        return [address, f"until {scan}; do sleep 2; done"]
    ssh = _ssh_words(context, instance, id_, identity)
    if not temporary:
        return [address, reach_step(ssh)]
    return [address, *replace_key_steps(id_, ssh, str(known_hosts.path()))]


def address_step(id_: str) -> str:
    """Return the step that shows the public address, else the private one."""
    instance = "Reservations[0].Instances[0]"
    query = f"{instance}.PublicIpAddress || {instance}.PrivateIpAddress"
    return ec2_command(
        "describe_instances", {"InstanceIds": [id_]}, "--query", query, "--output", "text"
    )


def command_step(context: Context, instance: Instance, command: str) -> str:
    """Return the step that runs a command on an instance whose address is in the variable IP."""
    return join(*_ssh_words(context, instance, instance.id, None), command, NO_INPUT)


def reach_step(ssh: list[str]) -> str:
    """Return the step that waits until this ssh command can log in."""
    return f"until {join(*ssh, 'true', NO_INPUT)}; do sleep 2; done"


def replace_key_steps(id_: str, ssh: list[str], known: str) -> list[str]:
    """Return the steps that replace the host key of the user data, in this file of known hosts."""
    file, new = shlex.quote(known), shlex.quote(f"{known}.new")
    return [
        f"until NEW=$({join(*ssh, host_key_rotation.GENERATE, NO_INPUT)}); do sleep 2; done",
        f'echo "{id_} $(echo "$NEW" | cut -d" " -f1,2)" >> {file}',
        join(*ssh, host_key_rotation.INSTALL, NO_INPUT),
        f'grep -v "^{id_} .* {known_hosts.TEMPORARY}$" {file} > {new}',
        f"mv {new} {file}",
        reach_step(ssh),  # sshd reloads after systemctl has ended
    ]


def port_steps(context: Context, instance: Instance) -> list[str]:
    """Return the steps that open port 22 to this computer's address, if there are any."""
    group = access.find_own_group(context, instance)
    if group is None:
        return []
    try:
        sources = access.resolve_sources(context)
    except DLMagicsError:
        return [f"# The address of this computer is unknown: open port 22 of {group} to it."]
    return rule_steps(security_group.find_rule_changes(context.session, group, sources), group)


def crew_steps(context: Context, name: str, vpc: str) -> list[str]:
    """Return the step by which members of GROUP connect to each other, if they do not yet.

    `name` is that of the group, which may not exist in the VPC yet.
    """
    session, group = context.session, Variable("$GROUP")
    known = None if isinstance(name, Variable) else security_group.find_groups(session, name)
    if known and vpc in known and security_group.has_member_rule(session, known[vpc]):
        return []
    parameters = {"GroupId": group, "IpPermissions": [security_group.make_member_rule(group)]}
    return [ec2_command("authorize_security_group_ingress", parameters)]


def resolve_login(context: Context, instance: Instance, identity: str | None = None) -> SshTarget:
    """Return how to log in to an instance that need not run: its address is a stand-in."""
    known = replace(instance, ip=UNKNOWN_ADDRESS, state="running")
    return access.resolve_target(context, known, identity)


def _ssh_words(context: Context, instance: Instance, id_: str, identity: str | None) -> list[str]:
    """Return the ssh command for an instance whose address is in the variable IP."""
    target = resolve_login(context, instance, identity)
    *options, _ = target.command_line()
    alias = f"HostKeyAlias={instance.id}"
    words = [Variable(f"HostKeyAlias={id_}") if word == alias else word for word in options]
    return [*words, Variable(f"{target.user}@$IP")]
