"""The scripts that launch, start, reach, stop and terminate an instance.

Each step is made by the function that makes it for `--explain`. The id of the instance is in a
file, so that they go on with the one that `launch.sh` launches.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.explain import steps
from dl_magics.actions.aws.explain.shell import (
    Variable,
    aws_command,
    ec2_command,
    export_steps,
    join,
)
from dl_magics.actions.aws.launch import explain, launch
from dl_magics.actions.runs.export import launch_script
from dl_magics.actions.runs.export.layout import (
    FILES,
    FIND_ADDRESS,
    GUARD,
    ID,
    ID_FILE,
    KNOWN_HOSTS,
    SETTINGS,
    SSH,
    ask_step,
    make_script,
)
from dl_magics.aws.monitoring import cloudwatch
from dl_magics.core.instance import Instance
from dl_magics.errors import WrongState
from dl_magics.guard import program
from dl_magics.ssh import known_hosts
from dl_magics.ssh.target import SshTarget

_GROUP = Variable("$GROUP")
# What allows its members alone, by which a crew works together, is left as it is.
_RULES_BUT_OF_CREW = (
    "SecurityGroups[0].IpPermissions[?!(UserIdGroupPairs[?GroupId=='$GROUP'] && "
    "!(UserIdGroupPairs[?GroupId!='$GROUP']) && !IpRanges && !Ipv6Ranges && !PrefixListIds)]"
)
_KEY_OPTIONS = r'-o IdentitiesOnly=yes -o "IdentityFile=\"$IDENTITY\""'


def write_scripts(context: Context, instance: Instance, python: str) -> dict[str, str]:
    """Return the content of each file by its name; `python` runs Python with Keras there."""
    login = steps.resolve_login(context, instance)
    planned = launch_script.plan_launch(context, instance, login)
    scripts = {
        "ssh.sh": _ssh(login),
        "address.sh": _address(),
        "connect.sh": _connect(),
        "open-port.sh": _open_port(),
        "wait.sh": _wait(),
        "launch.sh": launch_script.write_launch(context, planned, instance),
        "start.sh": _start(context, instance),
        "stop.sh": _stop(instance),
        "terminate.sh": _terminate(),
    }
    pinned = known_hosts.pinned_lines(instance.id)
    return {
        SETTINGS: _settings(context, login, python),
        ID_FILE: f"{instance.id}\n",
        KNOWN_HOSTS: "".join(f"{line}\n" for line in pinned),
        GUARD: json.dumps([program.boot_command(launch.make_guard_settings(planned))]) + "\n",
        **scripts,
    }


def _settings(context: Context, login: SshTarget, python: str) -> str:
    lines = [
        "# What the scripts share: change it where something has changed.",
        "# shellcheck shell=sh disable=SC2034",
        *export_steps(context),
        f"ID=$(cat {ID_FILE})",
        f"LOGIN={shlex.quote(login.user)}",
        "# The private key; where it is empty, ssh looks for one.",
        f"KEY={shlex.quote(str(login.key_file or ''))}",
        "# Ranges that may use SSH, with spaces between them; without one it is your own address.",
        f"SOURCES={shlex.quote(' '.join(context.allow_from))}",
        "# What runs Python with Keras on the instance, as its shell takes it.",
        f"PYTHON={shlex.quote(python)}",
        f"ADDRESS_URL={shlex.quote(context.profile.address_url)}",
        "",
    ]
    return "\n".join(lines)


def _ssh(login: SshTarget) -> str:
    replaced = {
        "HostKeyAlias": Variable("HostKeyAlias=$ID"),
        "UserKnownHostsFile": f"UserKnownHostsFile={KNOWN_HOSTS}",
    }
    # The file of the key is in the settings, so that it can be changed in one place.
    options = replace(login, key_file=None).options()
    words = [replaced.get(word.partition("=")[0], word) for word in options]
    return make_script(
        "ssh with the key and the pinned host key, for the other scripts.",
        'if [ -n "$KEY" ]; then',
        "  # ssh expands % in the name of a file.",
        "  IDENTITY=$(printf %s \"$KEY\" | sed 's/%/%%/g')",
        f'  set -- {_KEY_OPTIONS} "$@"',
        "fi",
        f'exec {join("ssh", *words)} "$@"',
    )


def _address() -> str:
    return make_script(
        "Print the address: the public one, else the private one.", steps.address_step(ID)
    )


def _connect() -> str:
    return make_script(
        "Open a terminal on the instance, or run a command there: ./connect.sh nvidia-smi",
        FIND_ADDRESS,
        f'exec {join(*SSH)} "$@"',
    )


def _open_port() -> str:
    groups = "Reservations[0].Instances[0].SecurityGroups"
    query = Variable(f"{groups}[?GroupName=='$NAME'].GroupId | [0]")
    only = ("--query", query, "--output", "text")
    found = ec2_command("describe_instances", {"InstanceIds": [ID]}, *only)
    rules = ec2_command(
        "describe_security_groups",
        {"GroupIds": [_GROUP]},
        *("--query", Variable(_RULES_BUT_OF_CREW), "--output", "json"),
    )
    before = Variable("$BEFORE")
    revoke = {"GroupId": _GROUP, "IpPermissions": before}
    allow = {"GroupId": _GROUP, "IpPermissions": Variable("$RULE")}
    return make_script(
        "Open port 22 of the security group to SOURCES only, or to your own address.",
        "GROUP=${1-None}",
        'if [ "$GROUP" = None ] && [ -e "$KEY" ]; then',
        f"  {explain.name_step(FILES)}",
        f"  GROUP=$({found})",
        "fi",
        'if [ "$GROUP" = None ]; then',
        '  echo "$ID is in no security group of this key: its rules stay as they are."',
        "  exit",
        "fi",
        'if [ -z "$SOURCES" ]; then',
        "  case $ADDRESS_URL in",
        "    data:,*) SOURCES=${ADDRESS_URL#data:,}/32 ;;",
        "    *) SOURCES=$(curl -fsS --max-time 10 --noproxy '*' \"$ADDRESS_URL\")/32 ;;",
        "  esac",
        "fi",
        f"BEFORE=$({rules})",
        f"[ \"$BEFORE\" = '[]' ] || {ec2_command('revoke_security_group_ingress', revoke)}",
        "for SOURCE in $SOURCES; do",
        "  case $SOURCE in",
        '    *:*) RANGES="Ipv6Ranges=[{CidrIpv6=$SOURCE}]" ;;',
        '    *) RANGES="IpRanges=[{CidrIp=$SOURCE}]" ;;',
        "  esac",
        '  RULE="IpProtocol=tcp,FromPort=22,ToPort=22,$RANGES"',
        f"  {ec2_command('authorize_security_group_ingress', allow)}",
        "done",
    )


def _wait() -> str:
    replaced = steps.replace_key_steps(str(ID), SSH, KNOWN_HOSTS)
    scan = join("ssh-keyscan", "-t", "ed25519", Variable("$IP"))
    return make_script(
        "Wait until SSH answers; at the first login, the host key of the launch is replaced.",
        steps.wait_step("running", ID),
        FIND_ADDRESS,
        f'if ! grep -q "^$ID " {KNOWN_HOSTS}; then',
        '  echo "The host key of $ID is not known. Compare what these show, then add to" >&2',
        f'  echo "{KNOWN_HOSTS}: $ID ssh-ed25519 KEY" >&2',
        f'  echo "  {scan.replace(chr(34), "")}" >&2',
        '  echo "  aws ec2 get-console-output --instance-id $ID --output text" >&2',
        "  exit 1",
        f'elif grep -q "^$ID .* {known_hosts.TEMPORARY}$" {KNOWN_HOSTS}; then',
        *(f"  {line}" for line in replaced),
        "else",
        f"  {steps.reach_step(SSH)}",
        "fi",
    )


def _start(context: Context, instance: Instance) -> str:
    spot = f"SPOT=$({steps.describe_step(ID, 'SpotInstanceRequestId')})"
    request = Variable("$SPOT") if instance.spot_request else ""
    power_on = steps.power_on_steps(context, replace(instance, spot_request=request), ID)
    price = f"{instance.type}, {instance.price_text}"
    return make_script(
        "Open port 22, start the instance and wait until SSH answers; -y answers yes.",
        f"STATE=$({steps.describe_step(ID, 'State.Name')})",
        "case $STATE in",
        "pending | running) ;;",
        "stopping | stopped)",
        ask_step(shlex.quote(f"Start the {price}?")),
        steps.wait_step("stopped", ID),
        *([spot] if request else []),
        *power_on,
        ";;",
        '*) echo "$ID is $STATE: ./launch.sh launches another instance." >&2; exit 1 ;;',
        "esac",
        "./open-port.sh",
        "./wait.sh",
        'echo "$ID runs at $(./address.sh). It costs money: ./stop.sh"',
    )


def _stop(instance: Instance) -> str:
    try:
        stopping = steps.stop_steps(replace(instance, id=ID, state="running"))
    except WrongState as error:
        stopping = [f"echo {shlex.quote(str(error))} >&2", "exit 1"]
    return make_script(
        "Stop the instance: its disk is kept, and costs money by the month.", *stopping
    )


def _terminate() -> str:
    spot = steps.describe_step(ID, "SpotInstanceRequestId")
    (cancel,) = steps.cancel_steps(Variable("$SPOT"))
    names = {"AlarmNames": [Variable(cloudwatch.alarm_name(ID))]}
    found = aws_command(
        "cloudwatch",
        "describe_alarms",
        names,
        *("--query", "MetricAlarms[].AlarmName", "--output", "text"),
    )
    delete = aws_command("cloudwatch", "delete_alarms", names)
    return make_script(
        "Terminate the instance and delete its disk; -y answers yes.",
        ask_step('"Terminate $ID and delete its disk?"'),
        f"SPOT=$({spot})",
        f'[ "$SPOT" = None ] || {cancel}',
        *steps.terminate_steps(ID, ""),
        f'[ -z "$({found} 2>/dev/null)" ] || {delete}',
    )
