"""Rent a new instance: what it will be and cost, then each thing that it needs, once."""

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
LEAST_DISK_GIB = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """What would be rented, and what it costs."""

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
            f"its disk of {self.disk_gib} GiB {disk} a month, always; "
            f"port 22 open to {', '.join(self.sources)}; image {self.image.name}"
        )

    __repr__ = __str__


def find_existing(context: Context, name: str, type_: str) -> Instance | None:
    """Return the instance of this name, if there is one: nothing is launched twice.

    One whose launch was never answered does not count: the same request is sent once more, and
    EC2 answers it with the same instance.
    """
    if _pending_request().get("name") == name:
        return None
    found = [each for each in context.ec2.list_instances() if each.name == name and not each.gone]
    if not found:
        return None
    if found[0].type != type_:
        raise WrongState(
            f"'{name}' exists already: {found[0].type}, {found[0].state}.",
            fix=f"%aws_resize {type_} {name} changes its type · %aws_launch {type_} --name OTHER",
        )
    return instances.add_price(context, found[0])


def resume_launch(context: Context, instance: Instance) -> Iterator[Instance]:
    """Wait for an instance that is there already; one that is stopped stays so."""
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
    """Look everything up that a launch needs, and change nothing."""
    session, ec2 = context.session, context.ec2
    ec2.check_type(type_, zone=zone or "", magic="%aws_launch")
    quotas.check_quota(session, type_, ec2.list_instances())
    found = images.find_image(session, type_, image)
    dollars, price_from = prices.read_hourly_price(session, type_)
    return LaunchPlan(
        name=name,
        type=type_,
        image=found,
        disk_gib=max(disk_gib or LEAST_DISK_GIB, found.disk_gib),
        sources=tuple(access.resolve_sources(context)),
        zone=zone,
        dollars_per_hour=dollars,
        price_from=price_from,
        profile_and_region=context.profile_and_region,
    )


def launch_instance(context: Context, plan: LaunchPlan) -> Iterator[Instance]:
    """Make what the plan says; yield the instance at each change, at last when SSH answers.

    Each thing is written into the ledger before it is made. A request that may have been heard
    keeps its token, so that asking again gives the same instance.
    """
    with lock.hold("launching"):
        # Another kernel may have been asked for the same a moment ago.
        instance = find_existing(context, plan.name, plan.type) or _made(context, plan)
    context.select_instance(instance)
    for seen in context.ec2.start(instance):
        instance = seen
        yield instances.add_price(context, seen)
    yield from instances.add_prices(
        context, access.until_ssh_answers(context, context.ec2, instance)
    )


def _made(context: Context, plan: LaunchPlan) -> Instance:
    session = context.session
    made: list[str] = []
    try:
        id_ = _requested(context, session, _prepared(session, plan, made))
    except DLMagicsError as error:
        raise _halfway(error, made) from error
    ledger.append(did="made", what="instance", id=id_, profile_and_region=plan.profile_and_region)
    return context.ec2.describe_instance(id_)


def _prepared(session: AwsSession, plan: LaunchPlan, made: list[str]) -> launch.LaunchRequest:
    key, name = keys.ensure_key_pair(access.LOGIN_KEY), access.our_name()
    ledger.append(did="makes", what="key-pair", id=name, profile_and_region=plan.profile_and_region)
    if launch.ensure_key(session, name, key.public):
        made.append(f"key pair {name}")
    ledger.append(
        did="makes", what="security-group", id=name, profile_and_region=plan.profile_and_region
    )
    group, new = security_group.ensure_group(session, name)
    if new:
        made.append(f"security group {name}")
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


def _requested(context: Context, session: AwsSession, wish: launch.LaunchRequest) -> str:
    ledger.append(
        did="makes",
        what="instance",
        token=wish.token,
        profile_and_region=context.profile_and_region,
    )
    try:
        id_ = launch.run_instances(session, wish)
    except NoAnswer:
        raise
    except QuotaReached as error:
        _settle(wish.token)
        raise quotas.make_quota_error(session, wish.type) from error
    except NoCapacity as error:
        _settle(wish.token)
        raise _other_zones(context, wish, str(error)) from error
    except DLMagicsError:
        _settle(wish.token)
        raise
    known_hosts.pin_keys(id_, keys.ensure_key_pair(f"host-{wish.token}").public, temporary=True)
    _settle(wish.token)
    return id_


def _token(plan: LaunchPlan) -> str:
    """Return the token of the same wish, if it may have been heard already; else a new one."""
    asked = asdict(replace(plan, dollars_per_hour=None, sources=(), price_from=""))
    asked = {**asked, "sources": []}
    pending = state.read().pending_launch
    if pending and pending.request == asked:
        return pending.token
    token = uuid.uuid4().hex
    state.set_pending_launch(PendingLaunch(request=asked, token=token))
    return token


def _pending_request() -> dict[str, Any]:
    pending = state.read().pending_launch
    return pending.request if pending else {}


def _settle(token: str) -> None:
    """AWS has answered: the next launch is another one."""
    state.set_pending_launch(None)
    keys.delete_key_pair(f"host-{token}")


def _halfway(error: DLMagicsError, made: list[str]) -> DLMagicsError:
    if not made:
        return error
    return type(error)(
        f"{error} Made so far, at no cost: {', '.join(made)}.",
        fix=f"{error.fix} · The same %aws_launch goes on from there; %aws_cleanup lists them.",
    )


def _other_zones(context: Context, wish: launch.LaunchRequest, said: str) -> NoCapacity:
    zones = sorted(set(re.findall(r"\b[a-z]{2}-[a-z]+-\d[a-z]\b", said)) - {wish.zone or ""})
    try_zone = f"%aws_launch {wish.type} --zone {zones[-1]}" if zones else "%aws_region OTHER"
    where = f" in {wish.zone}" if wish.zone else " left for you now"
    offered = f" AWS names these zones: {', '.join(zones)}." if zones else ""
    near = instance_types.nearest_type(wish.type, context.session.region)
    other = f" · or another type: %aws_launch {near.type}" if near else ""
    return NoCapacity(f"AWS has no {wish.type}{where}.{offered}", fix=f"{try_zone}{other}")
