"""Launch a new instance: create each resource that it needs once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from dl_magics.actions.aws import access, instances
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import alarm, records
from dl_magics.actions.aws.launch import pending
from dl_magics.actions.aws.launch.plan import LaunchPlan
from dl_magics.actions.aws.launch.unrecorded import naming_instance
from dl_magics.aws import instance_types, launch, quotas
from dl_magics.aws.network import security_group, subnets
from dl_magics.core.instance import Instance
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import DLMagicsError, NoAnswer, NoCapacity, QuotaReached, WrongState
from dl_magics.guard import program
from dl_magics.guard.service.settings import Settings
from dl_magics.ssh import keys
from dl_magics.store import lock

_START = "%aws_start starts it"


def find_existing(
    context: Context,
    name: str,
    type_: str,
    *,
    spot: bool = False,
    instance_profile: str | None = None,
) -> Instance | None:
    """Return the instance of this name that dl_magics launched from here, or None.

    Raises
    ------
    WrongState
        if an instance of this name has another type or instance profile, is on demand where `spot`
        was asked for, or was not launched from this computer.
    """
    found = [each for each in context.ec2.list_instances() if each.name == name and not each.gone]
    if not found:
        return None
    ours = [each for each in found if each.ours and each.key == access.find_our_name()]
    if not ours:
        other = found[0]
        by = f"dl_magics with the key pair {other.key}" if other.ours else "someone else"
        raise WrongState(
            f"An instance named '{name}' that {by} launched exists in {context.account}: "
            f"{other!r}.",
            fix=f"%aws_launch {type_} --name OTHER launches one · %aws_get {other.id} selects it.",
        )
    if ours[0].type != type_:
        raise WrongState(
            f"An instance named '{name}' already exists: {ours[0].type}, {ours[0].state}.",
            fix=f"%aws_resize {type_} {quote_name(name, ours[0].id)} changes its type · "
            f"%aws_launch {type_} --name OTHER",
        )
    if spot and not ours[0].spot:
        raise WrongState(
            f"An instance named '{name}' already exists, on demand: {type_}, {ours[0].state}.",
            fix=f"%aws_launch {type_} --spot --name OTHER · %aws_get {ours[0].id} selects it.",
        )
    if instance_profile and ours[0].instance_profile != instance_profile:
        raise _make_profile_error(ours[0], instance_profile)
    return instances.add_price(context, ours[0])


def resume_launch(context: Context, instance: Instance) -> Iterator[Instance]:
    """Select an existing instance and wait until SSH answers; a stopped one stays stopped."""
    select_launched(context, instance)
    if not instance.costs_money:
        yield replace(instance, note=_START)
    else:
        yield replace(instance, note=alarm.ensure_alarm(context, instance))
        yield from instances.start(context, instance.id)


def launch_instance(context: Context, plan: LaunchPlan) -> Iterator[Instance]:
    """Launch the planned instance; yield it at each change, finally when SSH answers.

    Each resource is entered in the ledger before it is created. A request that AWS did not answer
    keeps its client token, so that repeating it returns the same instance.
    """
    with lock.hold(pending.LOCK):
        # Another kernel may just have launched it.
        found = find_existing(
            context,
            plan.name,
            plan.type,
            spot=plan.spot is not None,
            instance_profile=plan.instance_profile,
        )
        instance = found or create_instance(context, plan)
    select_launched(context, instance)
    note = alarm.ensure_alarm(context, instance)
    for seen in context.ec2.start(replace(instance, note=note)):
        instance = replace(seen, note="")
        yield instances.add_price(context, seen)
    yield from instances.add_prices(
        context, access.until_ssh_answers(context, context.ec2, instance)
    )


def select_launched(context: Context, instance: Instance) -> None:
    """Select an instance that was launched; an error names it, as it costs money."""
    with naming_instance(context, instance.id):
        context.select_instance(instance)


def create_instance(context: Context, plan: LaunchPlan) -> Instance:
    """Launch the planned instance and return it, before it runs; it is not selected."""
    created: list[str] = []
    try:
        request = _prepare_request(context, plan, created)
        launched = _run_instances(context, request)
    except DLMagicsError as error:
        raise _add_created(error, created) from error
    pending.record_launched(context, request.token, launched.id, launched.spot_request)
    records.note_limits(launched.id, plan.limits)
    with naming_instance(context, launched.id):
        return launch.describe_new_instance(context.ec2, launched.id)


def _prepare_request(
    context: Context, plan: LaunchPlan, created: list[str]
) -> launch.LaunchRequest:
    session = context.session
    key, name = keys.ensure_key_pair(access.LOGIN_KEY), access.our_name()
    context.record("creating", "key-pair", id=name)
    if launch.ensure_key(session, name, key.public):
        created.append(f"key pair {name}")
    context.record("creating", "security-group", id=name)
    group, new = security_group.ensure_group(session, name, find_vpc(context, plan))
    if new:
        created.append(f"security group {name}")
    security_group.authorize_sources(session, group, list(plan.sources))
    token = pending.ensure_token(context, plan)
    host_key = keys.ensure_key_pair(f"host-{token}")
    boot_command = program.boot_command(make_guard_settings(plan))
    user_data = launch.user_data(host_key.private, host_key.public, boot_command)
    return make_request(plan, key=name, group=group, token=token, user_data=user_data)


def make_guard_settings(plan: LaunchPlan) -> Settings:
    """Return the settings of the guard of the planned instance."""
    return plan.limits.make_settings(f"/home/{plan.image.user}")


def make_request(
    plan: LaunchPlan, *, key: str, group: str, token: str, user_data: bytes | str
) -> launch.LaunchRequest:
    """Return the request that launches the planned instance."""
    return launch.LaunchRequest(
        name=plan.name,
        type=plan.type,
        image=plan.image,
        disk_gib=plan.disk_gib,
        key=key,
        group=group,
        token=token,
        user_data=user_data,
        zone=plan.zone,
        subnet=plan.subnet.id if plan.subnet else None,
        instance_profile=plan.instance_profile,
        spot=plan.spot,
    )


def find_vpc(context: Context, plan: LaunchPlan) -> str:
    """Return the VPC of the planned subnet, else the default VPC; raise CloudRefused without it."""
    if plan.subnet:
        return plan.subnet.vpc
    return subnets.find_default_subnets(context.session, plan.zone)[0].vpc


def _run_instances(context: Context, request: launch.LaunchRequest) -> launch.Launched:
    session = context.session
    context.record("creating", "instance", token=request.token, name=request.name)
    try:
        return launch.run_instances(session, request)
    except NoAnswer:
        raise
    except QuotaReached as error:
        pending.settle(context, request.token)
        running = context.ec2.list_instances()
        spot = request.spot is not None
        raise quotas.make_quota_error(session, request.type, running, spot=spot) from error
    except NoCapacity as error:
        pending.settle(context, request.token)
        if request.spot:
            raise
        raise _other_zones(context, request, str(error)) from error
    except DLMagicsError:
        pending.settle(context, request.token)
        raise


def _make_profile_error(instance: Instance, wanted: str) -> WrongState:
    has = instance.instance_profile
    associate = (
        "aws ec2 associate-iam-instance-profile --instance-id "
        f"{instance.id} --iam-instance-profile Name={wanted}"
    )
    if has:
        associate = (
            "aws ec2 describe-iam-instance-profile-associations --filters "
            f"Name=instance-id,Values={instance.id}, then aws ec2 "
            f"replace-iam-instance-profile-association --association-id ID "
            f"--iam-instance-profile Name={wanted}"
        )
    which = f"with the instance profile {has}" if has else "without an instance profile"
    return WrongState(
        f"An instance named '{instance.name}' already exists, {which}: {instance.state}.",
        fix=f"It takes another also while it runs: {associate} · or launch a second one: "
        f"%aws_launch {instance.type} --instance-profile {wanted} --name OTHER",
    )


def _add_created(error: DLMagicsError, created: list[str]) -> DLMagicsError:
    if not created:
        return error
    return type(error)(
        f"{error} Created so far, at no cost: {', '.join(created)}.",
        fix=f"{error.fix} · Repeat the same %aws_launch to continue; %aws_cleanup lists them.",
    )


def _other_zones(context: Context, request: launch.LaunchRequest, message: str) -> NoCapacity:
    zones = sorted(set(re.findall(r"\b[a-z]{2}-[a-z]+-\d[a-z]\b", message)) - {request.zone or ""})
    try_zone = f"%aws_launch {request.type} --zone {zones[-1]}" if zones else "%aws_region OTHER"
    where = f" in {request.zone}" if request.zone else " available now"
    offered = f" AWS suggests the zones {', '.join(zones)}." if zones else ""
    nearest = instance_types.nearest_type(request.type, context.session.region)
    other = f" · or another type: %aws_launch {nearest.type}" if nearest else ""
    return NoCapacity(f"AWS has no {request.type}{where}.{offered}", fix=f"{try_zone}{other}")
