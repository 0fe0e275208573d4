"""The launch of several instances of one name: NAME-1, NAME-2, … each with a guard of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from dl_magics.actions.aws import access, instances
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import alarm
from dl_magics.actions.aws.launch import existing, launch, pending, plan
from dl_magics.actions.aws.launch.options import LaunchOptions
from dl_magics.actions.aws.launch.plan import LaunchPlan
from dl_magics.aws.spot.market import SpotOptions
from dl_magics.core import money
from dl_magics.core.instance import Instance, Instances
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import BadSetting, DLMagicsError
from dl_magics.store import lock, state

MOST = 100


@dataclass(frozen=True, slots=True)
class CrewPlan:
    """The instances of a crew: those that are there, and a plan for each that is missing.

    If it `repeats`, the first plan is that of a launch that AWS has not answered.
    """

    name: str
    count: int
    there: tuple[Instance, ...]
    plans: tuple[LaunchPlan, ...]
    repeats: bool = False

    def __str__(self) -> str:
        here = ", ".join(f"{each.name} ({each.state})" for each in self.there)
        if not self.plans:
            return f"All {self.count} instances are there: {here}"
        first = self.plans[0]
        named = ", ".join(each.name for each in self.plans)
        facts = [f"  {'new':<8} {named}"]
        if here:
            facts.append(f"  {'there':<8} {here}")
        facts.append(f"  {'together':<8} {self._describe_price()}")
        facts.append(f"  {'network':<8} they may connect to each other, at private addresses")
        return "\n".join([*facts, f"Each as {first!s}"])

    __repr__ = __str__

    def _describe_price(self) -> str:
        first, new = self.plans[0], len(self.plans)
        if first.dollars_per_hour is None:
            return "price unknown"
        hours = money.format_per_hour(new * first.dollars_per_hour)
        return f"{hours} with their addresses while they run, and the disk of each"


def plan_crew(
    context: Context,
    type_: str,
    name: str,
    count: int,
    *,
    spot: SpotOptions | None,
    instance_profile: str | None = None,
    store: bool,
    options: LaunchOptions | None = None,
) -> CrewPlan:
    """Look up which of NAME-1 … NAME-count exist, and the plan and quota of all others.

    Raises as `make_plan`, `find_existing` and `check_options` do; BadSetting for a count that is no
    crew.
    """
    if not 2 <= count <= MOST:
        raise BadSetting(
            f"--count {count}: a crew has 2 to {MOST} instances.",
            fix=f"%aws_launch {type_} --count 4 --name {quote_name(name)}",
        )
    names = [f"{name}-{number}" for number in range(1, count + 1)]
    repeated = _settle_pending(
        context,
        type_,
        names,
        spot=spot is not None,
        instance_profile=instance_profile,
        store=store,
    )
    found = {
        each: launch.find_existing(
            context, each, type_, spot=spot is not None, instance_profile=instance_profile
        )
        for each in names
    }
    there = tuple(each for each in found.values() if each)
    asked = options or LaunchOptions()
    for instance in there:
        existing.check_options(context, instance, asked, spot)
    for again in repeated:
        existing.check_repeat(again, asked)
    missing = [each for each, instance in found.items() if not instance]
    plans: list[LaunchPlan] = []
    if missing:
        planned = plan.make_plan(
            context,
            type_,
            name=missing[0],
            spot=spot,
            instance_profile=instance_profile,
            count=len(missing),
            options=options,
        )
        plans = [replace(planned, name=each) for each in missing]
    # The request that AWS did not answer is repeated first, with what it asked for.
    plans = [*repeated, *(each for each in plans if each.name not in {it.name for it in repeated})]
    return CrewPlan(name, count, there, tuple(plans), bool(repeated))


def launch_crew(context: Context, planned: CrewPlan) -> Iterator[Instance]:
    """Launch all instances of a plan, then wait for each; yield it at each change.

    The first is selected. Raises what AWS refused, with what was launched until then: it is kept.
    """
    launched: list[Instance] = []
    for each in planned.plans:
        try:
            with lock.hold(pending.LOCK):
                found = launch.find_existing(
                    context,
                    each.name,
                    each.type,
                    spot=each.spot is not None,
                    instance_profile=each.instance_profile,
                )
                instance = found or launch.create_instance(context, each)
            if not launched and not planned.there:
                launch.select_launched(context, instance)
        except DLMagicsError as error:
            raise _say_what_is_kept(error, launched, planned) from error
        note = alarm.ensure_alarm(context, instance)
        launched.append(instance)
        yield instances.add_price(context, replace(instance, note=note))
    access.connect_members(context, [*planned.there, *launched])
    for instance in [*(each for each in planned.there if each.costs_money), *launched]:
        seen = instance
        for seen in context.ec2.start(instance):
            yield instances.add_price(context, seen)
        yield from instances.add_prices(
            context, access.until_ssh_answers(context, context.ec2, seen)
        )


def list_crew(context: Context, planned: CrewPlan) -> Instances:
    """Return the instances of a crew, with their prices."""
    ids = [each.id for each in planned.there]
    names = [each.name for each in planned.plans]
    listed = instances.list_instances(context)
    members = [each for each in listed if not each.gone and (each.id in ids or each.name in names)]
    return replace(listed, each=tuple(members))


def _settle_pending(
    context: Context, type_: str, names: list[str], **options: Any
) -> list[LaunchPlan]:
    """Settle the launch that AWS has not answered; return its plan if it is to be repeated."""
    unanswered = state.read().pending_launches.get(context.profile.name)
    asked = str(unanswered.request["name"]) if unanswered else ""
    name = asked if asked in names else names[0]
    settled = pending.resume(context, name, type_, **options)
    return [settled] if isinstance(settled, LaunchPlan) else []


def _say_what_is_kept(
    error: DLMagicsError, launched: list[Instance], planned: CrewPlan
) -> DLMagicsError:
    """Return the error of a launch that came after others, which cost money."""
    if not launched:
        return error
    named = ", ".join(each.name for each in launched)
    failed = planned.plans[len(launched)].name
    return type(error)(
        f"{error} {len(launched)} of {len(planned.plans)} were launched before, and cost money: "
        f"{named}. The launch ended at {failed}.",
        fix=f"{error.fix} · the same line launches the others · %aws_terminate "
        f"{quote_name(launched[0].name, launched[0].id)} -f gives one back.",
    )
