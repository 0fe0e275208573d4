"""A launch as shell commands: the same instance, with its host key pinned in advance."""

from __future__ import annotations

import json
import shlex
import sys
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.explain import alarm, steps
from dl_magics.actions.aws.explain.shell import Script, Variable, ec2_command, join, make_script
from dl_magics.actions.aws.guard.alarm import KIND
from dl_magics.actions.aws.launch import pending
from dl_magics.actions.aws.launch.launch import find_vpc, make_guard_settings, make_request
from dl_magics.actions.aws.launch.plan import LaunchPlan
from dl_magics.aws import launch
from dl_magics.aws.monitoring import cloudwatch
from dl_magics.aws.network import security_group
from dl_magics.core.instance import Instance
from dl_magics.guard import program
from dl_magics.ssh import keys, known_hosts
from dl_magics.store import ledger

_PUBLIC = "ssh-keygen -y -f {file} | cut -d' ' -f1,2"
# As `launch.user_data` writes it: a request is repeated with the same bytes.
_USER_DATA = r"""printf '#cloud-config\n{\n "ssh_keys": {\n  "ed25519_private": "%s",
  "ed25519_public": "%s"\n },\n "bootcmd": %s\n}\n' "$(awk '{printf "%s\\n", $0}' FILE)" "$PUBLIC" \
  "$(GUARD)" | GZIP """
_GZIP = "import gzip, sys; sys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read(), mtime=0))"


@dataclass(frozen=True, slots=True)
class LaunchFiles:
    """What the commands of a launch read and write, each as a word of a shell.

    `login_key` and `known_hosts` are files, `guard` is a command that prints the boot command and
    `compress` one that compresses its input.
    """

    login_key: str
    known_hosts: str
    guard: str
    compress: str

    @classmethod
    def of_this_computer(cls, plan: LaunchPlan) -> LaunchFiles:
        """Return those that the magics use."""
        settings = json.dumps(asdict(make_guard_settings(plan)))
        guard = shlex.join([sys.executable, "-m", program.COMMAND, settings])
        compress = shlex.join([sys.executable, "-I", "-c", _GZIP])
        return cls(str(keys.key_file(access.LOGIN_KEY)), str(known_hosts.path()), guard, compress)


def launch_script(
    context: Context,
    *plans: LaunchPlan,
    there: Sequence[Instance] = (),
    repeats: bool = False,
) -> Script:
    """Return the commands that create a missing key pair, group or rule, launch, and log in.

    The commands make the keys, so the script has no secret, and enter in the ledger what they
    create. With `repeats` they send the first request again, which AWS did not answer. Of several
    instances all are launched before one is waited for; `there` are those that exist.
    """
    first = plans[0]
    files = LaunchFiles.of_this_computer(first)
    token = pending.find_token(context) if repeats else None
    key = keys.find_key_pair(access.LOGIN_KEY)
    name = access.name_for(key) if key else Variable("$NAME")
    names = [f"ID{number}" for number in range(1, len(plans) + 1)] if len(plans) > 1 else ["ID"]
    launches = zip(plans, names, [token, *[None] * (len(plans) - 1)], strict=True)
    lines = [
        "umask 077; DIR=$(mktemp -d)",
        *([] if key else [make_key_step(files), name_step(files)]),
        _record_step(context, "creating", "key-pair", id=name),
        *_key_pair_steps(context, name, files),
        _record_step(context, "creating", "security-group", id=name),
        *_group_steps(context, first, name),
        *(line for each in launches for line in _launch_steps(context, name, *each)),
        *(steps.crew_steps(context, name, find_vpc(context, first)) if there or plans[1:] else []),
        'rm -r "$DIR"',
        *(line for each in there for line in _resume_steps(context, each)),
        *(line for each in zip(plans, names, strict=True) for line in _wait_steps(context, *each)),
    ]
    return make_script(context, lines)


def resume_script(context: Context, instance: Instance, *more: str) -> Script:
    """Return the commands for an instance that exists, as `launch.resume_launch` treats it.

    Where AWS did not answer its launch, its host key is pinned first. `more` steps are the last.
    """
    return make_script(context, [*_resume_steps(context, instance), *more])


def _resume_steps(context: Context, instance: Instance) -> list[str]:
    unanswered = instance.token and instance.token == pending.find_token(context)
    key = keys.find_key_pair(f"host-{instance.token}") if unanswered else None
    temporary = True if key else None
    starts = (
        steps.start_steps(context, instance, temporary=temporary) if instance.costs_money else []
    )
    recorded = _record_step(context, "created", "instance", id=instance.id)
    known = str(known_hosts.path())
    pinned = [pin_step(instance.id, key.public, known), recorded] if key else []
    return [*pinned, *starts]


def _launch_steps(
    context: Context, name: str, plan: LaunchPlan, variable: str, token: str | None
) -> list[str]:
    """Return the steps that launch one instance; its id is then in this variable."""
    files, id_ = LaunchFiles.of_this_computer(plan), Variable(f"${variable}")
    new_token = token or uuid.uuid4().hex
    return [
        *host_key_steps(files, token),
        _record_step(context, "creating", "instance", token=new_token, name=plan.name),
        run_step(plan, name, new_token, variable),
        pin_step(id_, Variable("$PUBLIC"), files.known_hosts),
        _record_step(context, "created", "instance", id=id_),
        *(_spot_request_steps(context, id_) if plan.spot else []),
        'rm -f "$DIR"/host_key*',
        *_alarm_steps(context, plan, id_),
    ]


def _wait_steps(context: Context, plan: LaunchPlan, variable: str) -> list[str]:
    """Return the steps that wait for a launched instance, and replace its host key."""
    id_ = Variable(f"${variable}")
    instance = Instance(
        id="i-00000000000000000",
        name=plan.name,
        state="pending",
        type=plan.type,
        user=plan.image.user,
    )
    login_key = str(keys.key_file(access.LOGIN_KEY))
    login = steps.login_steps(
        context, instance, id_, pinned=True, temporary=True, identity=login_key
    )
    return [steps.wait_step("running", id_), *login]


def _alarm_steps(context: Context, plan: LaunchPlan, id_: str) -> list[str]:
    if plan.limits.idle_seconds is None:
        return []
    name = cloudwatch.alarm_name(id_)
    put = alarm.put_steps(context, id_, plan.type, plan.limits.idle_seconds)
    entries = [_record_step(context, did, KIND, id=name) for did in ("creating", "created")]
    return [entries[0], *put, entries[1]]


def pin_step(id_: str, public: str, known: str) -> str:
    """Return the step that pins the host key of the user data in a file of known hosts."""
    return f'echo "{id_} {public} {known_hosts.TEMPORARY}" >> {join(known)}'


def make_key_step(files: LaunchFiles) -> str:
    """Return the step that makes the login key."""
    return f"ssh-keygen -q -t ed25519 -N '' -C dl_magics -f {join(files.login_key)}"


def name_step(files: LaunchFiles) -> str:
    """Return the step that finds the name that belongs to the login key."""
    digest = "openssl dgst -sha256 -r | cut -c1-8"
    public = _PUBLIC.format(file=join(files.login_key))
    return f'NAME=dl-magics-$(printf %s "$({public})" | {digest})'


def import_key_steps(name: str, files: LaunchFiles) -> list[str]:
    """Return the steps that import the login key as a key pair."""
    parameters = launch.make_key_parameters(name, Variable("fileb://$DIR/login.pub"))
    return [
        f'{_PUBLIC.format(file=join(files.login_key))} > "$DIR/login.pub"',
        ec2_command("import_key_pair", parameters),
    ]


def _key_pair_steps(context: Context, name: str, files: LaunchFiles) -> list[str]:
    if not isinstance(name, Variable) and launch.has_key(context.session, name):
        return []
    return import_key_steps(name, files)


def create_group_step(name: str, vpc: str) -> str:
    """Return the step that creates the security group, whose id is then in GROUP."""
    parameters = security_group.make_parameters(name, vpc)
    return f"GROUP=$({ec2_command('create_security_group', parameters, *_only('GroupId'))})"


def _group_steps(context: Context, plan: LaunchPlan, name: str) -> list[str]:
    session = context.session
    vpc = find_vpc(context, plan)
    groups = {} if isinstance(name, Variable) else security_group.find_groups(session, name)
    known = groups.get(vpc)
    rules = security_group.find_rule_changes(session, known, list(plan.sources))
    made = f"GROUP={known}" if known else create_group_step(name, vpc)
    return [made, *steps.rule_steps(rules, Variable("$GROUP"))]


def host_key_steps(files: LaunchFiles, token: str | None = None) -> list[str]:
    """Return the steps that write the user data, with a new host key or that of a request."""
    file = shlex.quote(str(keys.key_file(f"host-{token}"))) if token else '"$DIR/host_key"'
    text = _USER_DATA.replace("FILE", file).replace("GUARD", files.guard)
    compressed = text.replace("GZIP", files.compress)
    new = [] if token else [f"ssh-keygen -q -t ed25519 -N '' -C '' -f {file}"]
    return [
        *new,
        f"PUBLIC=$({_PUBLIC.format(file=file)})",
        f'{compressed}> "$DIR/user-data"',
    ]


def run_step(plan: LaunchPlan, name: str, token: str, variable: str = "ID") -> str:
    """Return the step that launches the planned instance, whose id is then in a variable."""
    request = make_request(
        plan,
        key=name,
        group=Variable("$GROUP"),
        token=token,
        user_data=Variable("fileb://$DIR/user-data"),
    )
    parameters = launch.make_parameters(request)
    run = ec2_command("run_instances", parameters, *_only("Instances[0].InstanceId"))
    return f"{variable}=$({run})"


def _spot_request_steps(context: Context, id_: str) -> list[str]:
    """Return the steps that enter the request of a spot instance in the ledger."""
    found = steps.describe_step(id_, "SpotInstanceRequestId")
    return [
        f"SPOT=$({found})",
        _record_step(context, "created", "spot-request", id=Variable("$SPOT")),
    ]


def _record_step(context: Context, did: str, kind: str, **ids: str) -> str:
    """Return the step that appends a line to the ledger."""
    line = json.dumps(context.make_entry(did, kind, **ids)).replace('"', r"\"")
    return f'echo "{line}" >> {shlex.quote(str(ledger.path()))}'


def _only(query: str) -> list[str]:
    return ["--query", query, "--output", "text"]
