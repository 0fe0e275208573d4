"""Launch or start the instance of a run; give it back where the run does not begin."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dl_magics.magics.command_line.session import INTERRUPTED, CellFailed, Refusals, Session
from dl_magics.magics.display.updatable import print_line

if TYPE_CHECKING:
    from dl_magics.core.instance import Instance


@contextmanager
def rent(session: Session, type_: str, name: str, *, then: str | None, yes: bool) -> Iterator[str]:
    """Yield the id of the instance of this name, which is launched, or started, if needed.

    Afterwards it is said where it stays up. Where no run has begun, one that was launched here is
    ended as `then` says, and one that was started is stopped.
    """
    from dl_magics.actions.aws.launch import interrupted
    from dl_magics.actions.runs import runs

    entries, known = interrupted.count_entries(), len(runs.list_local_runs())
    answer, refusals = " -y" if yes else "", _find_refusals()
    launch = f"%aws_launch {shlex.quote(type_)} --name {shlex.quote(name)}{answer}"
    instance: Instance = session.run(launch, refusals=refusals)
    ends = then if interrupted.has_created(instance.id, entries) else None
    try:
        if not instance.costs_money:
            ends = then and "stop"
            session.run(f"%aws_start {instance.id}{answer}", refusals=refusals)
        yield instance.id
    except CellFailed as failed:
        has_begun = len(runs.list_local_runs()) > known
        if ends and not has_begun and failed.status != INTERRUPTED:
            force = " -f" if ends == "terminate" else ""
            session.run(f"%aws_{ends} {instance.id}{force}")
        elif not (then and has_begun):  # the cell of the run has said what becomes of it
            _say_if_up(instance)
        raise
    _say_if_up(instance)


def _say_if_up(rented: Instance) -> None:
    """Say that an instance costs money, if it does, and what stops it."""
    from dl_magics.actions.aws import context, instances
    from dl_magics.errors import DLMagicsError

    stops = f"%aws_stop {rented.id} stops it."
    try:
        current = context.load()
        instance = instances.add_price(current, current.ec2.describe_instance(rented.id))
    except DLMagicsError as error:
        print_line(f"{rented.name} may be up, as AWS did not say: {error} {stops}")
        return
    if instance.costs_money:
        print_line(f"{instance.name} stays up, {instance.price_text}: {stops}")


def _find_refusals() -> Refusals:
    """Return the errors after which a launch or start has left no instance that runs."""
    from dl_magics import errors

    return (
        errors.NoCredentials,
        errors.NoRegion,
        errors.NotAllowed,
        errors.NoSuchType,
        errors.NoSuchImage,
        errors.QuotaReached,
        errors.WrongState,
    )
