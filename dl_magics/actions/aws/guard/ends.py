"""The limits that a line sets on the guards of instances that exist, or that hold already."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import control, records, safety
from dl_magics.actions.aws.guard.limits import GuardLimits, LimitOptions
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import DLMagicsError
from dl_magics.guard.service.settings import Settings

_IDLE = "--idle"


def describe_ends(instance: Instance, asked: LimitOptions) -> str:
    """Return when an instance that is about to start is stopped in any case; "" for never.

    An end that was typed takes the place of the one that its guard has.
    """
    known, (max_seconds, until) = records.read_record(instance.id), asked.resolve_ends()
    kept = ""
    if known and asked.max_duration is None and known.max_seconds is not None:
        max_seconds, kept = known.max_seconds, "; %aws_start --max-duration off removes that"
    if known and asked.until is None and known.until is not None and known.until > time.time():
        until = known.until
    ends = GuardLimits(idle_seconds=None, max_seconds=max_seconds, until=until).describe_ends()
    return f"{', '.join(ends)}{kept}"


def describe_short_notice(
    context: Context, found: Iterable[Instance], asked: LimitOptions
) -> str | None:
    """Return the question before a longest time ends instances that run; None if it ends none."""
    max_seconds, _ = asked.resolve_ends()
    if max_seconds is None:
        return None
    # The guard never gives less time than this.
    notice = Settings.warning_seconds
    lines = []
    for each in found:
        known, runs = records.read_record(each.id), time.time() - each.launched_at
        is_new = known is None or known.max_seconds != max_seconds
        if each.state == "running" and is_new and runs + notice > max_seconds:
            lines.append(
                f"{each.name} in {context.account} has run for {money.format_duration(runs)}: with "
                f"--max-duration {asked.max_duration} its guard stops it in "
                f"{money.format_duration(notice)}, also while a run goes on."
            )
    return "\n".join(lines) or None


def set_after(
    context: Context,
    changes: Iterable[Instance],
    asked: LimitOptions,
    there: Sequence[Instance] | None = None,
) -> Iterator[Instance]:
    """Yield the changes of a start, then set the limits that were typed on the guards.

    They are set on the instances of `there`, by default on the one that is started, if they run.
    Each is yielded with what its guard does then. An error says which limits are not set.
    """
    found = {each.id: each for each in there or ()}
    try:
        for instance in changes:
            if there is None or instance.id in found:
                found[instance.id] = instance
            yield instance
        for id_, instance in list(found.items()):
            if asked.words and instance.costs_money:
                does = _set_limits(context, instance, asked)
                yield replace(instance, note=f"Set {' and '.join(asked.words)}: {does}")
            del found[id_]
    except DLMagicsError as error:
        unset = [each for each in found.values() if each.costs_money]
        if asked.words and unset:
            raise _name_unset(error, unset, asked) from error
        raise


def set_line(instance: Instance, words: Sequence[str]) -> str:
    """Return the lines that start an instance and set these limits, which were typed."""
    name = quote_name(instance.name, instance.id)
    ends = [word for word in words if not word.startswith(_IDLE)]
    idle = [word.removeprefix(_IDLE).strip() for word in words if word.startswith(_IDLE)]
    start = " ".join(["%aws_start", name, *ends])
    return start + "".join(f", then %idle_timeout {timeout} {name}" for timeout in idle)


def _set_limits(context: Context, instance: Instance, asked: LimitOptions) -> str:
    changes = asked.make_changes(instance.type_dollars)
    change = control.change_limits(context, instance, changes)
    return f"{safety.describe_stop(change.status)}{f'. {change.note}' if change.note else ''}"


def _name_unset(
    error: DLMagicsError, unset: Sequence[Instance], asked: LimitOptions
) -> DLMagicsError:
    """Return an error with the limits that are not set because of it, and a line that sets them."""
    words, names = ", ".join(asked.words), ", ".join(each.name for each in unset)
    line = set_line(unset[0], asked.words) if len(unset) == 1 else "The same line"
    return type(error)(
        f"{error} Not set on {names}: {words}.", fix=f"{error.fix} · {line} sets what is not set."
    )
