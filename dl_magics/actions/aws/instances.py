"""Actions on instances: list, select, start, stop, resize, terminate, run a command."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import alarm, ends, records
from dl_magics.actions.aws.guard.limits import LimitOptions
from dl_magics.aws import quotas
from dl_magics.aws.pricing import prices
from dl_magics.core.instance import Instance, Instances
from dl_magics.errors import (
    CommandFailed,
    NoCapacity,
    NoSuchInstance,
    NotConfirmed,
    QuotaReached,
    WrongState,
)
from dl_magics.gpu_kernel import kernelspec
from dl_magics.ssh import blocking, known_hosts
from dl_magics.ssh.commands import CommandResult
from dl_magics.store import logins

_RETRY_SECONDS = 15.0
_OUTPUT_CHARACTERS = 300


def list_instances(context: Context) -> Instances:
    """Return all instances of the profile and region, with prices; terminated ones last."""
    found = prices.read_costs(context.session, context.ec2.list_instances())
    order = sorted(found, key=lambda each: (each.gone, each.name, each.id))
    return Instances(context.profile_and_region, tuple(order), context.selected_id)


def select_instance(
    context: Context, word: str | None, *, user: str | None = None, identity: str | None = None
) -> Instance:
    """Select the instance that `word` names; without a word return the selected one.

    `user` and `identity` are how to log in to it from now on.
    """
    found = context.resolve_instance(word)
    access.remember_login(found, user, identity)
    if word:
        context.select_instance(found, word)
    return add_price(context, found)


def add_price(context: Context, instance: Instance) -> Instance:
    """Return the instance with the costs that are known; AWS is asked in the background."""
    if instance.gone:
        return instance
    return prices.read_costs(context.session, [instance])[0]


def start(
    context: Context,
    word: str | None = None,
    *,
    wait_seconds: float = 0.0,
    asked: LimitOptions | None = None,
) -> Iterator[Instance]:
    """Start an instance; yield it at each change, finally when SSH answers.

    If AWS has no capacity, the start is retried for `wait_seconds`, or until the end that was
    asked for.
    """
    instance = context.resolve_instance(word, exact=True)
    give_up = time.monotonic() + wait_seconds
    note = "" if instance.gone else access.authorize_own_address(context, instance)
    if instance.state in ("stopping", "stopped") and (
        refused := alarm.renew_alarm(context, instance)
    ):
        note = f"{note} {refused}".strip()
    while True:
        try:
            for seen in context.ec2.start(replace(instance, note=note)):
                instance, note = replace(seen, note=""), ""
                yield add_price(context, seen)
            break
        except NoCapacity:
            if time.monotonic() + _RETRY_SECONDS > give_up:
                raise
            time.sleep(_RETRY_SECONDS)
            if asked:
                asked.check_ahead()
            instance = context.resolve_instance(instance.id)
        except QuotaReached as error:
            running = context.ec2.list_instances()
            raise quotas.make_quota_error(
                context.session, instance.type, running, spot=instance.spot
            ) from error
    yield from add_prices(context, access.until_ssh_answers(context, context.ec2, instance))


def start_question(
    context: Context, instance: Instance, asked: LimitOptions | None = None
) -> str | None:
    """Return the confirmation question with the cost; None if a start costs nothing more.

    `asked` are the limits that are set on its guard when it runs.
    """
    if instance.state not in ("stopping", "stopped"):
        return None
    (shown,) = context.ec2.add_disks([instance])
    return describe_start(context, add_price(context, shown), asked)


def describe_start(context: Context, shown: Instance, asked: LimitOptions | None = None) -> str:
    """Return what a start of this instance costs, whose price and disks were read, and its end."""
    stops = ends.describe_ends(shown, asked or LimitOptions())
    gpu = f" with {shown.gpu}" if shown.gpu else ""
    # An Elastic IP address is in the price already.
    lines = [
        f"Start {shown.name} ({shown.type}{gpu}, {shown.id}) in {context.account}:",
        f"price    {shown.price_text} while it runs",
        *([] if shown.elastic_ips else [f"address  {prices.describe_address(context.session)}"]),
        f"disks    {shown.disk_gib} GiB, {shown.month_text}, also while stopped",
        *([f"stops    {stops}"] if stops else []),
    ]
    return "\n  ".join(lines)


def add_prices(context: Context, changes: Iterator[Instance]) -> Iterator[Instance]:
    """Yield each instance with its price."""
    for instance in changes:
        yield add_price(context, instance)


def stop(context: Context, word: str | None = None) -> Iterator[Instance]:
    """Stop an instance; yield it at each change."""
    for seen in context.ec2.stop(context.resolve_instance(word, exact=True)):
        yield context.ec2.add_disks([seen])[0] if seen.state == "stopped" else seen


def list_running(context: Context, crew: str) -> list[Instance]:
    """Return the instances of a crew, NAME-1, NAME-2, …, that cost money, by their number.

    Raises
    ------
    NoSuchInstance
        if there is none of this name.
    WrongState
        if none of them runs.
    """
    members = [
        each for each in context.ec2.list_instances() if not each.gone and each.is_member(crew)
    ]
    if not members:
        raise NoSuchInstance(
            f"No instance is named {crew[:60]}-1, {crew[:60]}-2, … in "
            f"{context.profile_and_region}.",
            fix="%aws_list shows all instances.",
        )
    members.sort(key=lambda each: int(each.name.rpartition("-")[2]))
    if running := [each for each in members if each.costs_money]:
        return running
    states = ", ".join(f"{each.name} is {each.state}" for each in members)
    raise WrongState(f"No instance of {crew} is running: {states}.", fix="Nothing is to stop.")


def terminate(context: Context, word: str | None) -> Iterator[Instance]:
    """Terminate an instance; remove its host key and its kernelspec."""
    instance = context.resolve_instance(word, exact=True)
    for seen in context.ec2.terminate(instance):
        note = alarm.remove_alarm(context, seen.id) if seen.state == "terminated" else ""
        yield replace(seen, note=note)
    records.forget(instance.id)
    known_hosts.forget_host(instance.id)
    logins.forget_login(instance.id)
    kernelspec.remove_kernelspec(instance.id)
    context.forget_instance(instance.id)
    if instance.ours:
        context.record("deleted", "instance", id=instance.id)


def run_command(context: Context, command: str, word: str | None = None) -> CommandResult:
    """Run one command on an instance; raise CommandFailed if its exit status is not 0."""
    done = blocking.run_command(
        access.resolve_target(context, context.resolve_instance(word)), command
    )
    if done.code:
        output = " ".join(repr(done).split())[-_OUTPUT_CHARACTERS:]
        raise CommandFailed(
            f"'{command}' exited with status {done.code}: {output}",
            fix=f"%aws_ssh {command} || true shows its whole output.",
        )
    return done


def ssh_command(context: Context, word: str | None = None) -> list[str]:
    """Return the ssh command line that opens a terminal on an instance."""
    return access.resolve_target(context, context.resolve_instance(word)).command_line()


def describe_loss(going_on: Sequence[str]) -> str:
    """Return what of the runs that go on on an instance is lost with its disk, "" of none."""
    runs = ", ".join(going_on)
    return f"what was not copied of {runs} is lost with it, checkpoints too" if runs else ""


def check_terminate(
    context: Context,
    instance: Instance,
    *,
    force: bool,
    named: bool,
    going_on: Sequence[str] = (),
) -> None:
    """Raise NotConfirmed for a terminate without -f, or of an unnamed instance that is not ours.

    `going_on` are the runs that go on on it.
    """
    what = f"{instance.name} ({instance.type}, {instance.id}) in {context.account}, and its disk"
    fix = f"%aws_terminate {instance.id} -f terminates it · %aws_stop {instance.id} keeps its disk."
    if going_on:
        what += f"; {describe_loss(going_on)}"
        fix = f"%attach {going_on[0]} --stop keeps its best weights · {fix}"
    if not force:
        raise NotConfirmed(f"%aws_terminate deletes {what}: add -f to confirm.", fix=fix)
    if not (named or instance.ours):
        raise NotConfirmed(
            f"%aws_terminate would delete {what}, which dl_magics did not launch: name it.",
            fix=fix,
        )
