"""Launch a new instance: plan it with its price, then create each resource it needs once."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from dl_magics.actions.aws import access, instances
from dl_magics.actions.aws.context import Context
from dl_magics.aws import images, instance_types, launch, prices, quotas, security_group
from dl_magics.aws.session import AwsSession
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError, NoAnswer, NoCapacity, QuotaReached, WrongState
from dl_magics.ssh import keys, known_hosts
from dl_magics.store import ledger, lock, state
from dl_magics.store.state import PendingLaunch

NAME = "gpu"
MIN_DISK_GIB = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """The instance that a launch creates, with its price.

    `disk_gib` is in GiB, `sources` are CIDR ranges, `dollars_per_hour` is None if unknown.
    """

    name: str
    type: str
    image: images.Image
    disk_gib: int
    sources: tuple[str, ...]
    zone: str | None
    dollars_per_hour: float | None
    price_from: str
    profile_and_region: str

    def __str__(self) -> str:
        gpu = instance_types.gpu_text(self.type)
        disk = money.format_dollars(money.disk_per_month(self.disk_gib))
        return (
            f"'{self.name}' in {self.profile_and_region}: {self.type}{f' ({gpu})' if gpu else ''}, "
            f"{money.format_per_hour(self.dollars_per_hour)} while it runs ({self.price_from}); "
            f"its disk of {self.disk_gib} GiB {disk} a month, also while stopped; "
            f"port 22 open to {', '.join(self.sources)}; image {self.image.name}"
        )

    __repr__ = __str__


def find_existing(context: Context, name: str, type_: str) -> Instance | None:
    """Return the existing instance of this name, or None, so that it is not launched twice.

    Returns None while a launch of this name was not answered: the same request is then repeated,
    and EC2 returns the same instance. Raises WrongState if the instance has another type.
    """
    if _pending_request().get("name") == name:
        return None
    found = [each for each in context.ec2.list_instances() if each.name == name and not each.gone]
    if not found:
        return None
    if found[0].type != type_:
        raise WrongState(
            f"An instance named '{name}' already exists: {found[0].type}, {found[0].state}.",
            fix=f"%aws_resize {type_} {name} changes its type · %aws_launch {type_} --name OTHER",
        )
    return instances.add_price(context, found[0])


def resume_launch(context: Context, instance: Instance) -> Iterator[Instance]:
    """Select an existing instance and wait until SSH answers; a stopped one stays stopped."""
    context.select_instance(instance)
    yield instance
    if instance.costs_money:
        yield from instances.start(context, instance.id)


def make_plan(
    context: Context,
    type_: str,
    *,
    name: str = NAME,
    image: str | None = None,
    disk_gib: int | None = None,
    zone: str | None = None,
) -> LaunchPlan:
    """Look up the image, price and quota of a launch; change nothing.

    Raises
    ------
    NoSuchType, NoSuchImage
        if the type or the image is not available.
    QuotaReached
        if the vCPU quota is too small.
    """
    session, ec2 = context.session, context.ec2
    ec2.check_type(type_, zone=zone or "", magic="%aws_launch")
    quotas.check_quota(session, type_, ec2.list_instances())
    found = images.find_image(session, type_, image)
    dollars, price_from = prices.read_hourly_price(session, type_)
    return LaunchPlan(
        name=name,
        type=type_,
        image=found,
        disk_gib=max(disk_gib or MIN_DISK_GIB, found.disk_gib),
        sources=tuple(access.resolve_sources(context)),
        zone=zone,
        dollars_per_hour=dollars,
        price_from=price_from,
        profile_and_region=context.profile_and_region,
    )


def launch_instance(context: Context, plan: LaunchPlan) -> Iterator[Instance]:
    """Launch the planned instance; yield it at each change, finally when SSH answers.

    Each resource is entered in the ledger before it is created. A request that AWS did not answer
    keeps its client token, so that repeating it returns the same instance.
    """
    with lock.hold("launching"):
        # Another kernel may just have launched it.
        instance = find_existing(context, plan.name, plan.type) or _create_instance(context, plan)
    context.select_instance(instance)
    for seen in context.ec2.start(instance):
        instance = seen
        yield instances.add_price(context, seen)
    yield from instances.add_prices(
        context, access.until_ssh_answers(context, context.ec2, instance)
    )


def _create_instance(context: Context, plan: LaunchPlan) -> Instance:
    session = context.session
    created: list[str] = []
    try:
        id_ = _run_instances(context, session, _make_request(session, plan, created))
    except DLMagicsError as error:
        raise _add_created(error, created) from error
    ledger.append(
        did="created", what="instance", id=id_, profile_and_region=plan.profile_and_region
    )
    return context.ec2.describe_instance(id_)


def _make_request(
    session: AwsSession, plan: LaunchPlan, created: list[str]
) -> launch.LaunchRequest:
    key, name = keys.ensure_key_pair(access.LOGIN_KEY), access.our_name()
    ledger.append(
        did="creating", what="key-pair", id=name, profile_and_region=plan.profile_and_region
    )
    if launch.ensure_key(session, name, key.public):
        created.append(f"key pair {name}")
    ledger.append(
        did="creating", what="security-group", id=name, profile_and_region=plan.profile_and_region
    )
    group, new = security_group.ensure_group(session, name)
    if new:
        created.append(f"security group {name}")
    security_group.authorize_sources(session, group, list(plan.sources))
    token = _token(plan)
    host_key = keys.ensure_key_pair(f"host-{token}")
    return launch.LaunchRequest(
        name=plan.name,
        type=plan.type,
        image=plan.image,
        disk_gib=plan.disk_gib,
        key=name,
        group=group,
        token=token,
        user_data=launch.user_data(host_key.private, host_key.public),
        zone=plan.zone,
    )


def _run_instances(context: Context, session: AwsSession, request: launch.LaunchRequest) -> str:
    ledger.append(
        did="creating",
        what="instance",
        token=request.token,
        profile_and_region=context.profile_and_region,
    )
    try:
        id_ = launch.run_instances(session, request)
    except NoAnswer:
        raise
    except QuotaReached as error:
        _settle(request.token)
        raise quotas.make_quota_error(session, request.type) from error
    except NoCapacity as error:
        _settle(request.token)
        raise _other_zones(context, request, str(error)) from error
    except DLMagicsError:
        _settle(request.token)
        raise
    known_hosts.pin_keys(id_, keys.ensure_key_pair(f"host-{request.token}").public, temporary=True)
    _settle(request.token)
    return id_


def _token(plan: LaunchPlan) -> str:
    """Return the client token of an unanswered launch with the same parameters, or a new one."""
    parameters = asdict(replace(plan, dollars_per_hour=None, sources=(), price_from=""))
    parameters = {**parameters, "sources": []}
    pending = state.read().pending_launch
    if pending and pending.request == parameters:
        return pending.token
    token = uuid.uuid4().hex
    state.set_pending_launch(PendingLaunch(request=parameters, token=token))
    return token


def _pending_request() -> dict[str, Any]:
    pending = state.read().pending_launch
    return pending.request if pending else {}


def _settle(token: str) -> None:
    """Forget the pending launch, which AWS has answered."""
    state.set_pending_launch(None)
    keys.delete_key_pair(f"host-{token}")


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
