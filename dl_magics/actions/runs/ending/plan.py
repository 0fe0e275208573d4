"""Which instances are stopped or terminated after a run: the one it trains on, or its workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dl_magics.actions.aws import instances
from dl_magics.actions.aws.context import Context
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs.crew import hosts
from dl_magics.actions.runs.place import TrainingPlace
from dl_magics.aws.spot import requests as spot_requests
from dl_magics.core.instance import is_instance_id
from dl_magics.errors import BadSetting, NoSuchInstance, NotConfirmed, WrongState
from dl_magics.runs import remote_origin
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run


@dataclass(frozen=True, slots=True)
class Ending:
    """What happens to an instance of a run after it: `verb` is "stop" or "terminate"."""

    verb: str
    context: Context
    id: str
    name: str


Endings = Sequence[Ending]
VERBS = ("stop", "terminate")


def plan_ending(recipe: Recipe, place: TrainingPlace, *, force: bool) -> Endings:
    """Return what the recipe asks for after the run, for each instance; none without `then`.

    With workers these are the instances that it names and that are up.

    Raises
    ------
    BadSetting
        where the run uses no instance.
    NotConfirmed
        where the instance would be terminated without -f.
    WrongState
        where it is a spot instance that cannot be stopped.
    """
    if recipe.then is None:
        return ()
    if recipe.workers:
        return _plan_crew(recipe.then, recipe.workers, force=force)
    if not place.kernel or not place.kernel.host.is_instance:
        where = f"on {place.kernel.host.name}" if place.kernel else "on this computer"
        raise BadSetting(
            f'then = "{recipe.then}": this run trains {where}, which is no EC2 instance.',
            fix="%gpu_connect connects to an instance · or leave then out.",
        )
    host = place.kernel.host
    check_force(recipe.then, [f"{host.name} ({host.alias})"], force=force)
    context = host.load_context()
    if recipe.then == "stop":
        spot_requests.check_stoppable(context.session, context.ec2.describe_instance(host.alias))
    return (Ending(recipe.then, context, host.alias, host.name),)


def _plan_crew(then: str, workers: Sequence[str], *, force: bool) -> Endings:
    context, found = hosts.list_instances(workers)
    if not found:
        raise BadSetting(
            f'then = "{then}": none of workers = {", ".join(workers):.80} is an EC2 instance.',
            fix="Leave then out.",
        )
    check_force(then, [f"{each.name} ({each.id})" for each in found], force=force)
    if then == "stop":
        for each in found:
            spot_requests.check_stoppable(context.session, each)
    return [Ending(then, context, each.id, each.name) for each in found]


def check_force(then: str | None, named: Sequence[str], *, force: bool) -> None:
    """Raise NotConfirmed where the named instances would be terminated without -f."""
    if then == "terminate" and not force:
        disks = "its disk" if len(named) == 1 else "their disks"
        raise NotConfirmed(
            f"After the run {', '.join(named)} would be terminated and {disks} deleted: "
            "add -f to confirm.",
            fix='%finetune DATA --then terminate -f · then = "stop" keeps the disk.',
        )


def describe_not_ended(run: Run) -> str:
    """Return the line for an instance that is up though its run with `then` has ended, or "".

    It is for a run whose end was seen here, not by the cell that began it and ends the instance.
    """
    then, origin = run.record.refresh().recipe.get("then"), remote_origin.load(run.path)
    if then not in VERBS or not origin or not is_instance_id(origin.host["alias"]):
        return ""
    host = SshHost.from_json(origin.host)
    try:
        aws = host.load_context()
        instance = instances.add_price(aws, aws.ec2.describe_instance(host.alias))
    except (NoSuchInstance, WrongState):
        return ""
    if not instance.costs_money:
        return ""
    return (
        f'{instance.name} stays up, {instance.price_text}: then = "{then}" is carried out only by '
        f"the cell that began the run. To stop it: %aws_stop {instance.id}"
    )
