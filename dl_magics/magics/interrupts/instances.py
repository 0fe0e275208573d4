"""What an interrupted cell says of instances: which ones cost money, and what stops them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from dl_magics.core.typed_name import quote_name
from dl_magics.errors import DLMagicsError
from dl_magics.magics.display.updatable import print_line
from dl_magics.magics.interrupts.explain import explaining

if TYPE_CHECKING:
    from dl_magics.actions.aws.context import Context
    from dl_magics.actions.aws.launch.plan import LaunchPlan
    from dl_magics.core.instance import Instance

    Describe = Callable[[Sequence[Instance]], tuple[str, str]]


@contextmanager
def explaining_launch(
    context: Context, plans: Sequence[LaunchPlan], *, crew: str = ""
) -> Iterator[None]:
    """Say of an interrupted launch what it has launched, or what AWS may still launch."""
    from dl_magics.actions.aws.launch import interrupted

    since = interrupted.count_entries()
    with explaining(lambda: interrupted.describe_launch(context, plans, since, crew=crew)):
        yield


@contextmanager
def explaining_search(done: str) -> Iterator[None]:
    """Say that nothing was `done`, as the instance was still looked for."""
    lines = f"Interrupted before AWS was asked: nothing was {done}.", "The same line goes on."
    with explaining(lambda: lines):
        yield


@contextmanager
def explaining_stop(context: Context, found: Sequence[Instance]) -> Iterator[None]:
    """Say of an interrupted stop whether AWS has accepted it."""
    with explaining(partial(_ask, context, found, "stop", _describe_stop)):
        yield


@contextmanager
def explaining_start(
    context: Context, instance: Instance, limits: Sequence[str] = ()
) -> Iterator[None]:
    """Say of an interrupted start whether the instance costs money, without the limits typed."""
    describe = partial(_describe_start, limits)
    with explaining(partial(_ask, context, [instance], "start", describe)):
        yield


@contextmanager
def explaining_resize(context: Context, instance: Instance) -> Iterator[None]:
    """Say of an interrupted change of type in which state, and of which type, it has left it."""
    with explaining(partial(_ask, context, [instance], "change of type", _describe_resize)):
        yield


@contextmanager
def explaining_termination(context: Context, instance: Instance) -> Iterator[None]:
    """Say of an interrupted termination whether AWS has accepted it."""
    with explaining(partial(_ask, context, [instance], "termination", _describe_termination)):
        yield


def _ask(
    context: Context, found: Sequence[Instance], what: str, describe: Describe
) -> tuple[str, str]:
    """Return what `describe` says of the instances as they are now; a second interrupt skips it."""
    names = ", ".join(each.name for each in found)
    print_line(f"Interrupted; asking AWS for the state of {names} …")
    return _describe_now(context, found, what, describe)


def describe_unstopped(context: Context, found: Sequence[Instance]) -> tuple[str, str]:
    """Return which of the instances whose stop has failed cost money, and what stops them."""
    return _describe_now(context, found, "stop", _describe_stop)


def _describe_now(
    context: Context, found: Sequence[Instance], what: str, describe: Describe
) -> tuple[str, str]:
    from dl_magics.actions.aws import instances

    names = ", ".join(each.name for each in found)
    try:
        ids = [each.id for each in found]
        now = [instances.add_price(context, context.ec2.describe_instance(each)) for each in ids]
    except (DLMagicsError, KeyboardInterrupt):
        return (
            f"The {what} of {names} was interrupted, and AWS did not say whether it accepted it.",
            "%aws_list shows what costs money · the same line goes on",
        )
    return describe(now)


def _describe_stop(now: Sequence[Instance]) -> tuple[str, str]:
    up = [each for each in now if each.costs_money]
    ending = [each for each in now if not each.costs_money]
    parts = [f"{each.name} is NOT stopped: it is {_with_price(each)}" for each in up]
    parts += [f"{each.name} is {each.state}: the stop does not need this cell" for each in ending]
    if up:
        return _join(parts), " · ".join(f"%aws_stop {_quote(each)}" for each in up)
    return _join(parts), "%aws_list shows the states · %aws_bill shows what it cost"


def _describe_start(limits: Sequence[str], now: Sequence[Instance]) -> tuple[str, str]:
    from dl_magics.actions.aws.guard import ends

    (instance,) = now
    if instance.costs_money:
        unset = f" Not set on it: {', '.join(limits)}." if limits else ""
        line = f"{ends.set_line(instance, limits)} sets it" if limits else "the same line goes on"
        return (
            f"{instance.name} ({instance.id}) is {_with_price(instance)}.{unset}",
            f"%aws_stop {_quote(instance)} stops it · {line}",
        )
    return (
        f"{instance.name} ({instance.id}) is {instance.state}: it was not started.",
        "The same line starts it · %aws_list shows the states",
    )


def _describe_resize(now: Sequence[Instance]) -> tuple[str, str]:
    (instance,) = now
    stops = f"%aws_stop {_quote(instance)} stops it · " if instance.costs_money else ""
    return (
        f"{instance.name} is {_with_price(instance)}, and its type is {instance.type}.",
        f"{stops}The same line goes on with the change of type.",
    )


def _describe_termination(now: Sequence[Instance]) -> tuple[str, str]:
    (instance,) = now
    if instance.gone:
        return (
            f"{instance.name} is {instance.state}: the termination does not need this cell.",
            f"%aws_terminate {instance.id} -f also removes its alarm and its host key",
        )
    return (
        f"{instance.name} is NOT terminated: it is {_with_price(instance)}.",
        f"%aws_terminate {_quote(instance)} -f",
    )


def _with_price(instance: Instance) -> str:
    costs = f" and costs {instance.price_text}" if instance.costs_money else ""
    return f"{instance.state}{costs}"


def _join(parts: Sequence[str]) -> str:
    return f"{'; '.join(parts)}."


def _quote(instance: Instance) -> str:
    return quote_name(instance.name, instance.id)
