"""The script that launches an instance like the one that was exported, with its guard."""

from __future__ import annotations

import shlex
from dataclasses import replace

from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.explain import alarm, steps
from dl_magics.actions.aws.explain.shell import Variable, ec2_command
from dl_magics.actions.aws.guard import records
from dl_magics.actions.aws.guard.limits import GuardLimits, LimitOptions
from dl_magics.actions.aws.launch import explain, launch
from dl_magics.actions.aws.launch.options import MIN_DISK_GIB
from dl_magics.actions.aws.launch.plan import LaunchPlan
from dl_magics.actions.runs.export.layout import (
    FILES,
    ID,
    ID_FILE,
    KNOWN_HOSTS,
    ask_step,
    make_script,
)
from dl_magics.aws import images
from dl_magics.aws.network import subnets
from dl_magics.aws.spot.market import SpotOptions
from dl_magics.core.instance import Instance
from dl_magics.ssh.target import SshTarget

_NAME = Variable("$NAME")


def write_launch(context: Context, planned: LaunchPlan, instance: Instance) -> str:
    """Return the script that launches another instance, once the exported one is terminated."""
    planned_for = f"{planned.type}, {instance.price_text}, with {planned.disk_gib} GiB of disk"
    filters = [
        {"Name": "group-name", "Values": [_NAME]},
        {"Name": "vpc-id", "Values": [vpc := launch.find_vpc(context, planned)]},
    ]
    only = ["--query", "SecurityGroups[0].GroupId", "--output", "text"]
    group = ec2_command("describe_security_groups", {"Filters": filters}, *only)
    has_key = ec2_command("describe_key_pairs", {"KeyNames": [_NAME]})
    return make_script(
        "Launch an instance as the one that was exported, with its guard; -y answers yes.",
        f"STATE=$({steps.describe_step(ID, 'State.Name')} 2>/dev/null) || STATE=terminated",
        'if [ "$STATE" != terminated ] && [ "$STATE" != None ]; then',
        '  echo "$ID is $STATE: ./start.sh starts it, ./terminate.sh ends it." >&2',
        "  exit 1",
        "fi",
        ask_step(shlex.quote(f"Launch a {planned_for}?")),
        ': "${KEY:?Name a private key file in settings.sh. launch.sh makes one that is missing}"',
        "umask 077",
        "DIR=$(mktemp -d)",
        "trap 'rm -r \"$DIR\"' EXIT",
        f'[ -e "$KEY" ] || {explain.make_key_step(FILES)}',
        explain.name_step(FILES),
        f"if ! {has_key} >/dev/null 2>&1; then",
        *(f"  {line}" for line in explain.import_key_steps(_NAME, FILES)),
        "fi",
        f"GROUP=$({group})",
        f'[ "$GROUP" != None ] || {explain.create_group_step(_NAME, vpc)}',
        './open-port.sh "$GROUP"',
        *explain.host_key_steps(FILES),
        "TOKEN=$(openssl rand -hex 16)",
        explain.run_step(planned, _NAME, Variable("$TOKEN")),
        explain.pin_step(ID, Variable("$PUBLIC"), KNOWN_HOSTS),
        f'echo "$ID" > {ID_FILE}',
        *_alarm_steps(context, planned),
        "./wait.sh",
        'echo "$ID runs at $(./address.sh). It costs money: ./stop.sh"',
    )


def _alarm_steps(context: Context, planned: LaunchPlan) -> list[str]:
    """Return the steps that create the alarm; where that is not allowed, the launch goes on."""
    if planned.limits.idle_seconds is None:
        return []
    put = alarm.put_steps(context, ID, planned.type, planned.limits.idle_seconds)
    refused = 'echo "There is no CloudWatch alarm: only the guard stops an idle instance." >&2'
    return [f"{line} || {refused}" for line in put]


def plan_launch(context: Context, instance: Instance, login: SshTarget) -> LaunchPlan:
    """Return the plan of an instance like this one, without what only a question shows."""
    session = context.session
    image = images.read_image(session, instance.image)
    image = image or images.find_image(session, instance.type, user=login.user)
    record = records.read_record(instance.id)
    usual = LimitOptions().resolve(instance.type_dollars)
    subnet = _find_subnet(context, instance)
    return LaunchPlan(
        name=instance.name,
        type=instance.type,
        image=replace(image, user=login.user),
        disk_gib=max(instance.disk_gib or MIN_DISK_GIB, image.disk_gib),
        sources=(),
        zone=None,
        subnet=None if subnet is None or subnet.default else subnet,
        price=None,
        address_price=None,
        disk_price=None,
        account="",
        region=context.region,
        limits=GuardLimits(idle_seconds=record.idle_seconds) if record else usual,
        instance_profile=instance.instance_profile or None,
        spot=SpotOptions() if instance.spot else None,
    )


def _find_subnet(context: Context, instance: Instance) -> subnets.Subnet | None:
    id_ = subnets.find_subnet_of(context.session, instance.id)
    return subnets.read_subnet(context.session, id_) if id_ else None
