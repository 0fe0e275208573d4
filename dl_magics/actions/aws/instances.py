"""What a person asks of instances: list, choose, start, stop, change the type, give back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context
from dl_magics.aws import instance_types, prices
from dl_magics.core import money
from dl_magics.core.instance import Instance, Instances
from dl_magics.errors import CommandFailed, NoCapacity, NotConfirmed
from dl_magics.gpu_kernel import kernelspec
from dl_magics.ssh import blocking, known_hosts
from dl_magics.ssh.commands import CommandResult
from dl_magics.store import ledger

_RETRY_SECONDS = 15.0
_LAST_LETTERS = 300


def list_instances(context: Context) -> Instances:
    """Return all instances of the account and region, with prices."""
    everything = context.ec2.list_instances()
    order = sorted(everything, key=lambda each: (each.gone, each.name, each.id))
    return Instances(
        context.profile_and_region,
        tuple(add_price(context, each) for each in order),
        context.selected_id,
    )


def select_instance(context: Context, word: str | None) -> Instance:
    """Select an instance for all magics without a name; without a word return the selected one."""
    found = context.resolve_instance(word)
    if word:
        context.select_instance(found)
    return add_price(context, found)


def add_price(context: Context, instance: Instance) -> Instance:
    """Return the instance with the price of AWS's list, if that can be read."""
    if instance.gone:
        return instance
    dollars, _ = prices.read_hourly_price(context.session, instance.type)
    return replace(instance, dollars_per_hour=dollars)


def start(
    context: Context, word: str | None = None, *, wait_seconds: float = 0.0
) -> Iterator[Instance]:
    """Start an instance; yield it at each change, at last when SSH answers.

    Where AWS has none left it is tried again for `wait_seconds`.
    """
    instance = context.resolve_instance(word)
    give_up = time.monotonic() + wait_seconds
    if not instance.gone:
        access.authorize_own_address(context, instance)
    while True:
        try:
            for seen in context.ec2.start(instance):
                instance = seen
                yield add_price(context, seen)
            break
        except NoCapacity:
            if time.monotonic() + _RETRY_SECONDS > give_up:
                raise
            time.sleep(_RETRY_SECONDS)
            instance = context.resolve_instance(instance.id)
    yield from add_prices(context, access.until_ssh_answers(context, context.ec2, instance))


def add_prices(context: Context, changes: Iterator[Instance]) -> Iterator[Instance]:
    """Yield each instance with its price."""
    for instance in changes:
        yield add_price(context, instance)


def stop(context: Context, word: str | None = None) -> Iterator[Instance]:
    """Stop an instance; yield it at each change."""
    (instance,) = context.ec2.add_disk_sizes([context.resolve_instance(word)])
    for seen in context.ec2.stop(instance):
        yield add_price(context, replace(seen, disk_gib=instance.disk_gib))


def resize(context: Context, type_: str, word: str | None = None) -> Iterator[Instance]:
    """Give an instance another type; one that runs is stopped first and started after."""
    instance = context.resolve_instance(word)
    ran = instance.costs_money
    if instance.type == type_:
        yield instance
        return
    for seen in context.ec2.stop(instance):
        instance = seen
        yield add_price(context, seen)
    yield add_price(context, context.ec2.change_type(instance, type_))
    if ran:
        yield from start(context, instance.id)


def check_resize(context: Context, type_: str, instance: Instance) -> None:
    """Raise if an instance cannot get a type, before anything is changed."""
    if instance.type != type_:
        context.ec2.check_type(type_, zone=instance.zone, magic="%aws_resize")


def terminate(context: Context, word: str | None) -> Iterator[Instance]:
    """Give an instance back for good."""
    instance = context.resolve_instance(word)
    yield from context.ec2.terminate(instance)
    known_hosts.forget_host(instance.id)
    kernelspec.remove_kernelspec(instance.id)
    if instance.ours:
        ledger.append(
            did="gave back",
            what="instance",
            id=instance.id,
            profile_and_region=context.profile_and_region,
        )


def run_command(context: Context, command: str, word: str | None = None) -> CommandResult:
    """Run one command on an instance; raise if it fails there."""
    done = blocking.run_command(
        access.resolve_target(context, context.resolve_instance(word)), command
    )
    if done.code:
        wrote = " ".join(repr(done).split())[-_LAST_LETTERS:]
        raise CommandFailed(
            f"'{command}' ended with status {done.code}: {wrote}",
            fix=f"%aws_ssh {command} || true shows all that it wrote.",
        )
    return done


def ssh_command(context: Context, word: str | None = None) -> list[str]:
    """Return the ssh command that opens a terminal on an instance."""
    return access.resolve_target(context, context.resolve_instance(word)).command_line()


def resize_question(context: Context, type_: str, instance: Instance) -> str:
    """Check that a type can be had and return what to ask, with the dollars."""
    check_resize(context, type_, instance)
    dollars, _ = prices.read_hourly_price(context.session, type_)
    stops = "stops, changes and starts" if instance.costs_money else "changes"
    gpu = instance_types.gpu_text(type_)
    before = money.format_per_hour(instance.dollars_per_hour)
    return (
        f"{instance.name} {stops} from {instance.type} ({before})"
        f" to {type_}{f' with {gpu}' if gpu else ''} "
        f"({money.format_per_hour(dollars)} while it runs)"
    )


def needs_force(instance: Instance) -> NotConfirmed:
    """Return the error that says what would be lost."""
    return NotConfirmed(
        f"%aws_terminate gives {instance.name} ({instance.type}, {instance.id}) back for good, "
        "with all that is on its disk.",
        fix=f"%aws_terminate {instance.id} -f does it · %aws_stop keeps the disk.",
    )
