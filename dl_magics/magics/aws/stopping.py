"""Stop an instance: at once, when its runs are done, or after the run of a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from dl_magics.errors import DLMagicsError
from dl_magics.magics import prompts
from dl_magics.magics.display.updatable import print_line
from dl_magics.magics.interrupts import instances as interrupted

if TYPE_CHECKING:
    from dl_magics.actions.aws.context import Context
    from dl_magics.actions.aws.leftovers import Leftover
    from dl_magics.actions.runs.ending.plan import Ending, Endings
    from dl_magics.core.billing.receipt import Receipt, Receipts
    from dl_magics.core.instance import Instance
    from dl_magics.training.run import Run

    Failed = dict[str, DLMagicsError]


def stop_instance(current: Context, instance: Instance) -> Receipt | Instance:
    """Stop an instance, print its states, and return its receipt, or the stopped instance."""
    from dl_magics.actions.aws import instances
    from dl_magics.actions.aws.billing import receipts
    from dl_magics.actions.runs import runs

    going_on = runs.list_open_runs(instance)
    with interrupted.explaining_stop(current, [instance]):
        busy = receipts.read_busy_seconds(current, instance)
        changes = instances.stop(current, instance.id)
        seen = list(prompts.print_changes(changes, current.profile_and_region))
    name_cut_off(going_on, seen[-1])
    return receipts.make_receipt(*seen, busy_seconds=busy) if seen[0].costs_money else seen[-1]


def stop_crew(current: Context, found: Sequence[Instance]) -> Receipts:
    """Stop instances, print their states, and return their receipts."""
    from dl_magics.actions.aws import instances
    from dl_magics.actions.runs import runs

    going_on = [(each, runs.list_open_runs(each)) for each in found]
    receipts, failed = _end_all(
        current, found, [instances.stop(current, each.id) for each in found]
    )
    for each, cut in going_on:
        if cut and each.id not in failed:
            name_cut_off(cut, current.ec2.describe_instance(each.id))
    if failed:
        if receipts.each:
            print_line(receipts)
        raise _make_error(current, found, failed)
    return receipts


def name_cut_off(cut: Sequence[Run], instance: Instance) -> None:
    """Print which runs an instance cut off when it ended, and what continues them."""
    from dl_magics.actions.runs.elsewhere import cut_off

    for run in cut:
        cut_off.mark_ended(run)
        print_line(cut_off.describe_ended(run, instance))


def find_kept(current: Context, instance: Instance) -> list[Leftover]:
    """Return what a terminate leaves behind; where it cannot be read, that is printed."""
    from dl_magics.actions.aws import leftovers

    try:
        return leftovers.find_kept(current, instance)
    except DLMagicsError as error:
        print_line(f"Which volumes and addresses stay is not known: {error}")
        return []


def name_kept(kept: Sequence[Leftover]) -> None:
    """Print what a terminate has left behind, and what deletes it."""
    for each in kept:
        print_line(f"{each.what} stays, for {each.cost}. In a terminal: {each.delete}")


def _end_all(
    current: Context, found: Sequence[Instance], ending: Sequence[Iterator[Instance]]
) -> tuple[Receipts, Failed]:
    """Print how instances are stopped or terminated; return their receipts, and what failed by id.

    AWS is asked to end all of them before the first one is waited for, also after a refusal.
    """
    from dl_magics.actions.aws.billing import receipts
    from dl_magics.core.billing.receipt import Receipts

    failed: Failed = {}
    seen: list[list[Instance]] = [[] for _ in found]
    with interrupted.explaining_stop(current, found):
        busy = [receipts.read_busy_seconds(current, each) for each in found]
        changes = [prompts.print_changes(each) for each in ending]
        if len(found) > 1:
            print_line(f"In {current.profile_and_region}:")
        # The first is the instance as it was, the second what AWS answered.
        for most in (2, None):
            for each, its_changes, views in zip(found, changes, seen, strict=True):
                try:
                    views.extend(islice(its_changes, most))
                except DLMagicsError as error:
                    failed[each.id] = error
    ended = [
        receipts.make_receipt(*views, busy_seconds=used)
        for each, views, used in zip(found, seen, busy, strict=True)
        if each.id not in failed
    ]
    return Receipts(tuple(ended)), failed


def _make_error(current: Context, found: Sequence[Instance], failed: Failed) -> DLMagicsError:
    """Return the first error, with the instances that still cost money and what stops them."""
    first = next(iter(failed.values()))
    left = [each for each in found if each.id in failed]
    state, fix = interrupted.describe_unstopped(current, left)
    return type(first)(f"{first} {state}", fix=f"{first.fix} · {fix}")


def wait_for_runs(current: Context, instance: Instance) -> None:
    """Wait until the runs on an instance have ended, and check that their results are here.

    If they are not, or if a cell runs there then, it stays up on a shorter guard, which is said; an
    interrupt changes nothing.
    """
    from dl_magics.actions.runs import when_done
    from dl_magics.actions.runs.ending.plan import Ending

    if instance.state != "running":
        return
    ending = Ending("stop", current, instance.id, instance.name)
    with interrupted.explaining_stop(current, [instance]):
        try:
            for run in when_done.list_going_on(current, instance):
                print_line(f"{instance.name} is stopped after the run {run.name}.")
                _wait_for_results(run, instance.name)
            when_done.check_idle(ending)
        except DLMagicsError:
            _say_it_stays_up(ending)
            raise


def _wait_for_results(run: Run, name: str) -> None:
    from dl_magics.actions.runs import remote_run, when_done
    from dl_magics.magics.display import live

    live.attach(run, live.LineScreen())
    # Another process may have copied it, and may not be at the end of its files yet.
    remote_run.fetch_results(run.record)
    when_done.check_results(run, name)


@contextmanager
def saying_it_stays_up(endings: Endings) -> Iterator[None]:
    """Say that instances stay up where the run fails, or its results are not here."""
    try:
        yield
    except (DLMagicsError, KeyboardInterrupt):
        for each in endings:
            # It may have been stopped before another one was refused, or before the interrupt.
            if _may_be_up(each):
                _say_it_stays_up(each)
        raise


def _may_be_up(ending: Ending) -> bool:
    from dl_magics.actions.runs import when_done

    try:
        return when_done.is_up(ending)
    except DLMagicsError:
        return True


def _say_it_stays_up(ending: Ending) -> None:
    from dl_magics.actions.runs import when_done

    guard = when_done.shorten_guard(ending)
    print_line(f"{ending.name} stays up: %aws_stop {ending.id} stops it{guard}.")


def end_after(endings: Endings, run: Run) -> None:
    """Stop or terminate the instances of a run that has ended, and print the receipts.

    One that is used by another run stays up; the others are ended before that is raised.
    """
    from dl_magics.actions.runs import when_done

    if not endings:
        return
    context = endings[0].context
    when_done.check_results(run, *(each.name for each in endings))
    refused: list[DLMagicsError] = []
    ended: list[Ending] = []
    for each in filter(when_done.is_up, endings):
        try:
            when_done.check_idle(each)
            ended.append(each)
        except DLMagicsError as error:
            refused.append(error)
    before = [context.ec2.describe_instance(each.id) for each in ended]
    receipts, failed = _end_all(context, before, [when_done.end_instance(each) for each in ended])
    if receipts.each:
        print_line(receipts if len(ended) > 1 else receipts.each[0])
    if failed:
        refused.append(_make_error(context, before, failed))
    if refused:
        raise refused[0]
