"""What a click in JupyterLab's panel asks for: its question first, then the changes it causes.

What costs money or deletes something has a question. It is carried out once the person has
confirmed exactly this question: with another price, account or state it is another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dl_magics.actions.aws import instances, resize
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.launch import existing, launch, pending, plan
from dl_magics.actions.aws.launch.options import LaunchOptions
from dl_magics.actions.aws.launch.plan import LaunchPlan
from dl_magics.aws.spot.market import SpotOptions
from dl_magics.core.instance import Instance
from dl_magics.errors import WrongState


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request to change something: `question` is "" if it needs no confirmation."""

    question: str
    changes: Iterator[Instance]


def ask_start(context: Context, instance: Instance) -> Asked:
    """Return the start of an instance; one that runs is only watched, which needs no question."""
    return Asked(
        question=instances.start_question(context, instance) or "",
        changes=instances.start(context, instance.id),
    )


def ask_stop(context: Context, instance: Instance, going_on: Sequence[str] = ()) -> Asked:
    """Return the stop of an instance; it has a question where it interrupts runs, `going_on`."""
    question = (
        f"Stop {instance.name} ({instance.type}, {instance.id}) in {context.account}: "
        f"it interrupts {', '.join(going_on)}, which can be resumed from its last checkpoint"
    )
    return Asked(
        question=question if going_on else "", changes=instances.stop(context, instance.id)
    )


def ask_resize(
    context: Context, instance: Instance, type_: str, going_on: Iterable[str] = ()
) -> Asked:
    """Return the change of an instance's type; `going_on` are the runs that are interrupted.

    Raises
    ------
    WrongState
        if it has this type already.
    CloudError
        if the type cannot work for this instance.
    """
    if instance.type == type_ and not resize.find_unfinished(instance):
        raise WrongState(f"{instance.name} already is a {type_}.", fix="Select another type.")
    return Asked(
        question=resize.resize_question(context, type_, instance, going_on=going_on),
        changes=resize.resize(context, type_, instance.id),
    )


def ask_terminate(context: Context, instance: Instance, going_on: Sequence[str] = ()) -> Asked:
    """Return the end of an instance and of its disk; `going_on` are the runs that go on on it."""
    by = "" if instance.ours else ", which dl_magics did not launch,"
    question = (
        f"Terminate {instance.name} ({instance.type}, {instance.id}){by} in {context.account}: "
        "its disk is deleted"
    )
    if going_on:
        question += (
            f"; {instances.describe_loss(going_on)}. First %attach {going_on[0]} --stop keeps its "
            "best weights"
        )
    return Asked(
        question="" if instance.gone else question,
        changes=instances.terminate(context, instance.id),
    )


def ask_launch(
    context: Context,
    type_: str,
    *,
    name: str,
    image: str | None = None,
    disk_gib: int | None = None,
    zone: str | None = None,
    spot: SpotOptions | None = None,
) -> Asked:
    """Return a launch; an instance that it launched before is only returned, without a question."""
    is_spot = spot is not None
    options = LaunchOptions(image=image, disk_gib=disk_gib, zone=zone)
    options.check()
    found: Instance | LaunchPlan | None = pending.resume(
        context, name, type_, spot=is_spot
    ) or launch.find_existing(context, name, type_, spot=is_spot)
    if isinstance(found, Instance):
        existing.check_options(context, found, options, spot)
        return Asked(question="", changes=launch.resume_launch(context, found))
    if found:
        existing.check_repeat(found, options)
    planned = found or plan.make_plan(context, type_, name=name, options=options, spot=spot)
    return Asked(question=str(planned), changes=launch.launch_instance(context, planned))
