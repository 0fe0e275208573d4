"""A launch as shell commands: the same instance, with its host key pinned in advance."""

from __future__ import annotations

import json
import shlex
import uuid
from pathlib import Path

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.explain import Script, ec2_command, make_script
from dl_magics.actions.aws.launch.plan import LaunchPlan
from dl_magics.aws import launch
from dl_magics.aws.network import security_group
from dl_magics.ssh import keys, known_hosts
from dl_magics.store import atomic, paths

_LINE = " \\\n  "


def launch_script(context: Context, plan: LaunchPlan) -> Script:
    """Return the commands that create a missing key pair, group or rule, then the launch.

    The user data is written to a file that only its owner can read: it contains the private host
    key, which a notebook must not show. Only the file of the latest call is kept.
    """
    token, name = uuid.uuid4().hex, access.our_name()
    host_key = keys.ensure_key_pair(f"host-{token}")
    user_data = _write_user_data(token, launch.user_data(host_key.private, host_key.public))
    keys.delete_key_pair(f"host-{token}")
    for what in ("key-pair", "security-group"):
        context.record("creating", what, id=name)
    context.record("creating", "instance", token=token)
    known = shlex.quote(str(known_hosts.path()))
    public = f"{host_key.public} {known_hosts.TEMPORARY}"
    return Script(
        "\n".join(
            [
                *_key_pair(context, name),
                _group(context, name),
                *_rules(context, plan, name),
                f"ID=$({_launch(plan, name, token, user_data)})",
                f'echo "$ID {public}" >> {known}',
                f"rm {shlex.quote(str(user_data))}",
            ]
        )
    )


def _write_user_data(token: str, text: str) -> Path:
    folder = paths.data_folder("keys")
    for old in folder.glob("user-data-*"):
        old.unlink(missing_ok=True)
    file = folder / f"user-data-{token}"
    atomic.replace(file, text)
    return file


def _key_pair(context: Context, name: str) -> list[str]:
    if launch.has_key(context.session, name):
        return [make_script(context)]
    key = keys.ensure_key_pair(access.LOGIN_KEY)
    public = key.file.with_suffix(".pub")
    atomic.replace(public, f"{key.public}\n")
    options = ["--key-name", name, "--public-key-material", f"fileb://{public}"]
    return [make_script(context, ec2_command("import-key-pair", *options, *_tags("key-pair")))]


def _group(context: Context, name: str) -> str:
    if known := security_group.group_id(context.session, name):
        return f"GROUP={known}"
    options = ["--group-name", name, "--description", security_group.DESCRIPTION]
    create = ec2_command(
        "create-security-group", *options, *_tags("security-group"), *_only("GroupId")
    )
    return f"GROUP=$({shlex.join(create)})"


def _rules(context: Context, plan: LaunchPlan, name: str) -> list[str]:
    open_to = security_group.describe_rules(context.session, name) or []
    return [
        'aws ec2 authorize-security-group-ingress --group-id "$GROUP" --protocol tcp --port 22 '
        f"--cidr {source}"
        for source in plan.sources
        if f"tcp 22 from {source}" not in open_to
    ]


def _launch(plan: LaunchPlan, key: str, token: str, user_data: Path) -> str:
    request = launch.LaunchRequest(
        name=plan.name,
        type=plan.type,
        image=plan.image,
        disk_gib=plan.disk_gib,
        key=key,
        group="",
        token=token,
        user_data="",
        zone=plan.zone,
    )
    parameters = launch.make_parameters(request)
    words = {
        "--image-id": parameters["ImageId"],
        "--instance-type": parameters["InstanceType"],
        "--client-token": parameters["ClientToken"],
        "--key-name": parameters["KeyName"],
        "--user-data": f"file://{user_data}",
        "--instance-initiated-shutdown-behavior": parameters["InstanceInitiatedShutdownBehavior"],
        "--block-device-mappings": json.dumps(parameters["BlockDeviceMappings"]),
        "--metadata-options": json.dumps(parameters["MetadataOptions"]),
        "--tag-specifications": json.dumps(parameters["TagSpecifications"]),
    }
    if plan.zone:
        words["--placement"] = f"AvailabilityZone={plan.zone}"
    options = [f"{option} {shlex.quote(word)}" for option, word in words.items()]
    only = shlex.join(_only("Instances[0].InstanceId"))
    return _LINE.join(['aws ec2 run-instances --security-group-ids "$GROUP"', *options, only])


def _tags(kind: str) -> list[str]:
    return ["--tag-specifications", json.dumps([launch.make_tags(kind)])]


def _only(query: str) -> list[str]:
    return ["--query", query, "--output", "text"]
