"""A launch of a name that exists: each option that was typed is applied, or refused by its name."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.explain import guard
from dl_magics.actions.aws.guard import ends, records
from dl_magics.actions.aws.guard.limits import GuardLimits, LimitOptions
from dl_magics.actions.aws.guard.records import GuardRecord
from dl_magics.actions.aws.launch import launch
from dl_magics.actions.aws.launch.options import LaunchOptions
from dl_magics.actions.aws.launch.plan import LaunchPlan
from dl_magics.aws.network import subnets
from dl_magics.aws.spot import requests
from dl_magics.aws.spot.market import SpotOptions
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import WrongState
from dl_magics.store import logins

_LIMITS = {"--idle": "idle_seconds", "--max-duration": "max_seconds", "--until": "until"}
# The guard counts the time until an end, and says when that is by its own clock.
_SAME_SECONDS = 5.0


def check_options(
    context: Context,
    instance: Instance,
    options: LaunchOptions,
    spot: SpotOptions | None = None,
) -> None:
    """Check that an instance is what was asked for, or that its guard can be changed.

    Raises
    ------
    WrongState
        if it has another disk, image, login user, zone, subnet or maximum price, or other limits
        and does not run.
    """
    known, dollars = records.read_record(instance.id), instance.type_dollars
    unset = list(_find_unset(options.limits, known, dollars))
    if different := dict(_find_differences(context, instance, options, spot)):
        refused, typed = [*different, *unset], [*different, *options.limits.words]
        type_, typed_name = instance.type, quote_name(instance.name)
        raise WrongState(
            f"An instance named '{instance.name}' already exists, {', '.join(different.values())}: "
            f"{instance.state}. Not applied: {', '.join(refused)}.",
            fix=f"%aws_launch {type_} {' '.join(typed)} --name OTHER launches one · "
            f"%aws_launch {type_} --name {typed_name} uses that one as it is.",
        )
    if unset and not instance.costs_money:
        raise WrongState(
            f"An instance named '{instance.name}' already exists and is {instance.state}. Its "
            f"guard can be changed while it runs. Not applied: {', '.join(unset)}.",
            fix=ends.set_line(instance, unset),
        )


def check_repeat(planned: LaunchPlan, options: LaunchOptions) -> None:
    """Check that the launch that AWS has not answered, which is repeated, is what was asked for.

    Raises
    ------
    WrongState
        if it was sent with other options: with those it would be another launch.
    """
    subnet = planned.subnet.id if planned.subnet else None
    sent = (
        ("--disk", options.disk_gib, planned.disk_gib),
        ("--image", options.image, planned.image.id),
        ("--user", options.user, planned.image.user),
        ("--zone", options.zone, planned.zone),
        ("--subnet", options.subnet, subnet),
    )
    refused = [
        f"{option} {shlex.quote(str(asked))}"
        for option, asked, was in sent
        if asked not in (None, was)
    ]
    dollars = planned.price.dollars if planned.price else None
    refused += _find_unset(options.limits, planned.limits, dollars)
    if refused:
        raise WrongState(
            f"A launch of '{planned.name}' that AWS did not answer was sent with other options, "
            f"and is repeated with those. Not applied: {', '.join(refused)}.",
            fix="The line without them repeats it, never twice · then the limits can be set by "
            f"the same line with them, or --name OTHER launches another {planned.type}.",
        )


def resume_launch(
    context: Context, instance: Instance, options: LaunchOptions
) -> Iterator[Instance]:
    """Select an existing instance, wait until SSH answers, set the limits typed on its guard.

    A stopped one stays stopped. `check_options` has passed.
    """
    yield from ends.set_after(context, launch.resume_launch(context, instance), options.limits)


def preview(instance: Instance, options: LaunchOptions) -> Instance:
    """Return an existing instance with what a launch would change of it."""
    if not options.limits.words or not instance.costs_money:
        return instance
    limits = " and ".join(options.limits.words)
    return replace(instance, note=f"It exists: {limits} would be set on its guard")


def explain_limits(context: Context, instance: Instance, asked: LimitOptions) -> list[str]:
    """Return the steps that tell the guard of an existing instance the limits that were typed."""
    if not asked.words or not instance.costs_money:
        return []
    changes = asked.make_changes(instance.type_dollars)
    if asked.idle is None:
        return [guard.ask_step(context, instance, changes)]
    return guard.change_steps(context, instance, changes)


def _find_differences(
    context: Context, instance: Instance, options: LaunchOptions, spot: SpotOptions | None
) -> Iterator[tuple[str, str]]:
    """Yield each option that the instance does not have, as typed, and what it has instead."""
    if options.disk_gib is not None:
        (read,) = context.ec2.add_disks([instance])
        if read.disk_gib != options.disk_gib:
            yield f"--disk {options.disk_gib}", f"with a disk of {read.disk_gib} GiB"
    if options.image is not None and options.image != instance.image:
        yield f"--image {shlex.quote(options.image)}", f"of the image {instance.image}"
    user = logins.find_login(instance.id).user or instance.user
    if options.user is not None and options.user != user:
        yield f"--user {options.user}", f"with the login user {user}"
    if options.zone is not None and options.zone != instance.zone:
        yield f"--zone {shlex.quote(options.zone)}", f"in {instance.zone}"
    if options.subnet is not None:
        subnet = subnets.find_subnet_of(context.session, instance.id)
        if options.subnet != subnet:
            yield f"--subnet {shlex.quote(options.subnet)}", f"in {subnet}"
    if spot and spot.max_price is not None and instance.spot_request:
        found = requests.read_requests(context.session, [instance.spot_request])
        for price in {each.max_price for each in found} - {spot.max_price}:
            most = "the on-demand price" if price is None else money.format_per_hour(price)
            yield f"--spot --max-price {spot.max_price:g}", f"for at most {most}"


def _find_unset(
    asked: LimitOptions, known: GuardRecord | GuardLimits | None, dollars_per_hour: float | None
) -> Iterator[str]:
    """Yield each limit that was typed, unless it is one of those that are known."""
    limits = asked.resolve(dollars_per_hour)
    for word in asked.words:
        name = _LIMITS[word.split()[0]]
        if known is None or not _is_same(getattr(limits, name), getattr(known, name)):
            yield word


def _is_same(wanted: float | None, known: float | None) -> bool:
    if wanted is None or known is None:
        return wanted is known
    return abs(wanted - known) < _SAME_SECONDS
