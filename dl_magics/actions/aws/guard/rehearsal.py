"""A rehearsal on the practice cloud: an instance that nobody uses, which its guard stops."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard.limits import GuardLimits
from dl_magics.actions.aws.launch import launch, pending, plan
from dl_magics.core.instance import Instance
from dl_magics.errors import WrongState
from dl_magics.store import lock

NAME, TYPE = "rehearsal", "t2.micro"
IDLE_SECONDS = 6.0
_POLL_SECONDS = 0.3
_LONGEST_SECONDS = 120.0


def rehearse(context: Context) -> Iterator[Instance]:
    """Launch an instance with an idle timeout of seconds, yield it at each change, terminate it.

    Nothing tells the practice cloud to stop it but the `shutdown` of its guard.

    Raises
    ------
    WrongState
        if another account than that of the practice cloud is selected, or it is not stopped.
    """
    if not context.profile.config_file:
        raise WrongState(
            f"A rehearsal launches an instance, which would cost money in {context.account}.",
            fix="%practice on, then %aws_safety --rehearse",
        )
    planned = plan.make_plan(context, TYPE, name=NAME)
    with lock.hold(pending.LOCK):
        limits = GuardLimits(idle_seconds=IDLE_SECONDS)
        instance = launch.create_instance(context, replace(planned, limits=limits))
    try:
        yield from _watch_until_stopped(context, instance)
    finally:
        for _ in context.ec2.terminate(context.ec2.describe_instance(instance.id)):
            pass
        context.record("deleted", "instance", id=instance.id)


def _watch_until_stopped(context: Context, instance: Instance) -> Iterator[Instance]:
    began, shown = time.monotonic(), ""
    while shown != "stopped":
        seen = context.ec2.describe_instance(instance.id)
        if seen.state != shown:
            shown = seen.state
            yield seen
        if time.monotonic() - began > _LONGEST_SECONDS:
            raise WrongState(
                f"The guard has not stopped {instance.id} within {_LONGEST_SECONDS:.0f} s.",
                fix=f"%aws_ssh -n {instance.id} sudo cat /var/log/cloud-init-output.log",
            )
        time.sleep(_POLL_SECONDS)
