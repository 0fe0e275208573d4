"""Runs that end with their host while no process of this computer copies their events.

`kernel_died` of their origin keeps that, as where a process copies them and sees it.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs.elsewhere import move
from dl_magics.core.instance import Instance
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import DLMagicsError, NoSuchInstance, WrongState
from dl_magics.runs import log, remote_origin
from dl_magics.runs.events import RunEnded
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.ssh import blocking, commands
from dl_magics.training.run import Run

# A host that is up answers sooner; a list of runs does not wait for one that is not.
_WAIT_SECONDS = 5.0
# Of those whose log no process writes: whether its last line is the end of a run. One whose events
# are here had a log there: without it its host was replaced, or its folder deleted.
_FIND_OVER = (
    f'for each in {{}}; do log="$each/{log.FILE_NAME}"; test -f "$log" || echo "gone $each"; '
    'test -f "$log" && flock --nonblock --shared "$log" true '
    f"""&& if tail -n 1 "$log" | grep -q '"{RunEnded.kind}"'; then echo "ended $each"; """
    'else echo "cut $each"; fi; done; true'
)


def list_open(listed: Iterable[Run], instance: Instance) -> list[Run]:
    """Return the runs on an instance that have not ended, as far as this computer knows."""
    return [run for run, origin in _find_open(listed) if origin.host["alias"] == instance.id]


def list_open_on_kernel(listed: Iterable[Run], alias: str, kernel_folder: str) -> list[Run]:
    """Return the runs of a GPU kernel that have not ended; its host is asked where it is up."""
    found = [
        run
        for run, origin in _find_open(listed)
        if (origin.host["alias"], origin.kernel_folder) == (alias, kernel_folder)
    ]
    ended = check_hosts(found)
    return [
        each for each in found if each.name not in ended and remote_origin.is_running(each.path)
    ]


def describe_interrupted(going_on: Sequence[Run]) -> str:
    """Return the part of a question that names the runs that its action interrupts."""
    names = ", ".join(each.name for each in going_on)
    what = "the run" if len(going_on) == 1 else "the runs"
    can_resume = not any(each.is_on_theano for each in going_on)
    return f"it interrupts {what} {names}{', which can be resumed' * can_resume}"


def mark_ended(run: Run) -> None:
    """Remember that the host of a run has ended; a process that copies the run does it itself."""
    # Where it cannot be written, the next look at the host finds it again.
    with suppress(DLMagicsError, OSError):
        if not log.is_being_written(run.path):
            remote_origin.mark_kernel_died(run.path)


def describe_ended(run: Run, instance: Instance) -> str:
    """Return the sentences that say which run ended with its instance, and what continues it."""
    typed = quote_name(instance.name, instance.id)
    how = f"%gpu_connect {typed}, then {_describe_again(run)}."
    if instance.gone:
        how = move.describe_move(run.record)
    elif instance.state != "running":  # else it was started again
        how = f"%aws_start {typed}, {how}"
    return _describe(run, instance.name, how)


def describe_ended_with_kernel(run: Run, *, is_connected: bool) -> str:
    """Return the same of a run whose GPU kernel ended; `is_connected` says whether to a new one."""
    origin = remote_origin.load(run.path)
    name, id_ = (str(origin.host[each]) for each in ("name", "alias")) if origin else ("", "")
    where = f"%gpu_connect {quote_name(name, id_)}, then"
    if is_connected:
        where = "In the new GPU kernel:"
    return _describe(run, name, f"{where} {_describe_again(run)}.")


def _describe_again(run: Run) -> str:
    if run.is_on_theano:
        return "run its cell again: the features that it computed are kept there"
    return f"%finetune --resume {run.name} continues it"


def _describe(run: Run, host: str, how: str) -> str:
    return f"The run {run.name} had not ended on {host}, as far as this computer knows. {how}"


def check_hosts(listed: Iterable[Run]) -> set[str]:
    """Find out which runs ended with their host, or with their GPU kernel, and remember it.

    Return the names of those that have ended by themselves: their results are on the host only. AWS
    and the host are asked once for all runs of a host that no process copies. Where they do not
    answer, nothing is remembered.
    """
    complete = set()
    by_host: dict[str, list[tuple[Run, RemoteOrigin]]] = defaultdict(list)
    for run, origin in _find_open(listed):
        if not log.is_being_written(run.path):
            by_host[str(origin.host["alias"])].append((run, origin))
    for found in by_host.values():
        host = SshHost.from_json(found[0][1].host)
        with suppress(DLMagicsError, TimeoutError):
            cut, ended, gone = _find_over(host, [origin.run_folder for _, origin in found])
            complete |= {run.name for run, origin in found if origin.run_folder in ended}
            for run, origin in found:
                had_log = bool(run.record.state.started_at)
                if origin.run_folder in cut or (had_log and origin.run_folder in gone):
                    mark_ended(run)
    return complete


def _find_open(listed: Iterable[Run]) -> Iterator[tuple[Run, RemoteOrigin]]:
    for run in listed:
        with suppress(DLMagicsError):
            origin = remote_origin.load(run.path)
            if origin and remote_origin.is_running(run.path) and not run.record.refresh().ended:
                yield run, origin


def _find_over(host: SshHost, folders: Sequence[str]) -> Sequence[Sequence[str]]:
    """Return which folders on a host are of runs that were cut off, have ended, and are gone."""
    try:
        target = host.resolve_target()
    except (WrongState, NoSuchInstance):
        return folders, (), ()
    command = f"sh -c {shlex.quote(_FIND_OVER.format(shlex.join(folders)))}"
    asking = blocking.start_task(commands.run_command(target, command))
    try:
        lines = asking.result(timeout=_WAIT_SECONDS).stdout.splitlines()
    finally:
        asking.cancel()  # one that has ended stays as it is
    return [
        [line.removeprefix(word) for line in lines if line.startswith(word)]
        for word in ("cut ", "ended ", "gone ")
    ]
