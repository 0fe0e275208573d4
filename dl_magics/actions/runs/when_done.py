"""Stop or terminate an instance once the results of its runs are on this computer, and checked."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from dl_magics.actions.aws import instances
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import control
from dl_magics.actions.gpu import kernel_records
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs import remote_files, remote_run, runs
from dl_magics.actions.runs.ending.plan import Ending
from dl_magics.core.instance import Instance
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import (
    CommandFailed,
    DLMagicsError,
    NoSuchInstance,
    NotTrained,
    WrongState,
)
from dl_magics.gpu_kernel import all_agents
from dl_magics.runs import log, remote_origin
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.ssh import blocking
from dl_magics.training.crew import worker
from dl_magics.training.engine.pipeline import MODEL
from dl_magics.training.run import Run

# Each run whose log is being written: its process holds a lock on the file.
_FIND_RUNNING = (
    f"cd {remote_run.RUNS} 2>/dev/null || exit 0; for each in */{log.FILE_NAME}; do "
    'test -f "$each" && ! flock --nonblock --shared "$each" true && echo "${each%/*}"; done; true'
)
# That of a run that has just ended may need a moment to end.
_FIND_WORKER = (
    f"test -f {worker.LOCK} || exit 0; flock --wait 10 {worker.LOCK} true || echo worker; true"
)
_SHORT_IDLE_SECONDS = 600
_LIST_ALL = f"cd {remote_run.RUNS} 2>/dev/null || exit 0; ls -1"


def end_instance(ending: Ending) -> Iterator[Instance]:
    """Stop or terminate the instance after a run; yield it at each change."""
    if ending.verb == "terminate":
        return instances.terminate(ending.context, ending.id)
    return instances.stop(ending.context, ending.id)


def is_up(ending: Ending) -> bool:
    """Return whether its instance still costs money: its guard may have stopped it before."""
    try:
        return ending.context.ec2.describe_instance(ending.id).costs_money
    except NoSuchInstance:
        return False


def shorten_guard(ending: Ending) -> str:
    """Let the guard of an instance that stays up stop it soon; return what to say of it, or "".

    A shorter idle timeout stays.
    """
    with suppress(DLMagicsError):
        instance = ending.context.ec2.describe_instance(ending.id)
        if status := control.read_status(ending.context, instance):
            seconds = status.settings.idle_seconds
            if seconds is None or seconds > _SHORT_IDLE_SECONDS:
                seconds = _SHORT_IDLE_SECONDS
                control.change_idle_timeout(ending.context, instance, seconds)
            return f", and its guard does after {seconds / 60:g} idle minutes (%idle_timeout)"
    return ""


def check_results(run: Run, *names: str) -> None:
    """Check that the model of a run is here, complete, and could be loaded.

    Raises NotTrained where it is not: the named instances stay up.
    """
    why = _find_missing(run)
    if why:
        stay, stop = ("stays", "stops it") if len(names) == 1 else ("stay", "stop them")
        stops = ", ".join(f"%aws_stop {quote_name(each)}" for each in names)
        raise NotTrained(
            f"{', '.join(names)} {stay} up, as the results of the run {run.name} are not safe: "
            f"{why}.",
            fix=f"%attach {run.name} fetches what is there · {stops} {stop}.",
        )


def check_idle(ending: Ending) -> None:
    """Check that no run or cell uses the instance, and before it is terminated that runs are here.

    Raises
    ------
    WrongState
        where that is not so.
    CommandFailed
        where its GPU kernels cannot be asked whether a cell runs.
    """
    host = SshHost(alias=ending.id, name=ending.name, profile=ending.context.profile)
    if running := _list_on_host(host, _FIND_RUNNING):
        raise WrongState(
            f"{ending.name} stays up, as another run trains there: {', '.join(running)}.",
            fix=f"%attach {running[0]} shows it · %aws_stop {ending.id} --when-done stops it "
            "after all runs.",
        )
    if _list_on_host(host, _FIND_WORKER):
        raise WrongState(
            f"{ending.name} stays up, as it is a worker of another run.",
            fix=f"%aws_stop {ending.id} stops it at once.",
        )
    if notebooks := _list_notebooks_with_cells(host):
        raise WrongState(
            f"{ending.name} stays up, as a cell of {', '.join(notebooks)} runs there.",
            fix=f"When it has ended, or to end it too: %aws_stop {ending.id}",
        )
    if ending.verb == "stop":
        return
    here = {each.name: each for each in runs.list_local_runs()}
    there = _list_on_host(host, _LIST_ALL)
    left = [each for each in there if each not in here or not _outlives(here[each], ending.id)]
    if left:
        raise WrongState(
            f"{ending.name} is not terminated, as these runs are on its disk only: "
            f"{', '.join(left[:5])}.",
            fix=f"{_describe_rescue(left[0], here)} · %aws_terminate {ending.id} -f",
        )


def list_going_on(context: Context, instance: Instance) -> list[Run]:
    """Return the runs that train on an instance, oldest first.

    Raises
    ------
    WrongState
        where another computer has started one that is not known here.
    """
    host = SshHost(alias=instance.id, name=instance.name, profile=context.profile)
    here = {each.name: each for each in runs.list_local_runs()}
    training = set(_list_on_host(host, _FIND_RUNNING))
    if foreign := sorted(training - here.keys()):
        raise WrongState(
            f"Another computer trains {', '.join(foreign)} on {instance.name}.",
            fix=f"%gpu_connect {quote_name(instance.name, instance.id)}, then %attach "
            f"{foreign[0]} · %aws_stop {instance.id} stops it now.",
        )
    copied = (each for each in here.values() if _is_on(each, instance) and not _is_home(each))
    names = training | {each.name for each in copied}
    return [here[name] for name in sorted(names)]


def _find_missing(run: Run) -> str:
    try:
        state, origin = run.record.refresh(), remote_origin.load(run.path)
    except DLMagicsError as error:
        return str(error)
    if not state.ended or (origin and not origin.is_complete):
        return "its log has no end here"
    if state.status not in ("done", "stopped"):
        return f"it is {state.status}"
    if not state.files:
        return "it was stopped before there were weights to keep"
    if missing := remote_files.find_missing(run.path, state):
        return f"{missing} is not here, or not complete"
    if MODEL in state.files and origin and origin.model_sha256 != state.files[MODEL]:
        return f"{MODEL} could not be loaded here"
    return ""


def _outlives(run: Run, instance_id: str) -> bool:
    """Whether nothing of a run is lost with an instance: it trained elsewhere, or all is here."""
    if not _find_missing(run):
        return True
    try:
        state, origin = run.record.refresh(), remote_origin.load(run.path)
    except DLMagicsError:
        return False
    if origin is None or origin.host["alias"] != instance_id:
        return True
    return origin.is_complete and state.status in ("failed", "stopped") and not state.files


def _describe_rescue(name: str, here: Mapping[str, Run]) -> str:
    """Return what to type so that a run is not lost with the disk of its instance."""
    if name in here and here[name].status == "interrupted":
        return f"%finetune --resume {name} completes one"
    return f"%attach {name} fetches one"


def _list_notebooks_with_cells(host: SshHost) -> list[str]:
    """Return the titles of the notebooks whose GPU kernels on a host run a cell."""
    busy = blocking.wait_for(all_agents.list_busy(host.resolve_target()))
    return [kernel_records.find_title(each) or "another notebook" for each in busy]


def _is_on(run: Run, instance: Instance) -> bool:
    origin = _load_origin(run)
    return origin is not None and origin.host.get("alias") == instance.id


def _is_home(run: Run) -> bool:
    origin = _load_origin(run)
    if origin is None:
        return True
    if not (origin.is_complete or origin.kernel_died):
        return False
    try:
        return not remote_files.find_missing(run.path, run.record.refresh())
    except DLMagicsError:
        return False


def _load_origin(run: Run) -> RemoteOrigin | None:
    try:
        return remote_origin.load(run.path)
    except DLMagicsError:
        return None


def _list_on_host(host: SshHost, command: str) -> Sequence[str]:
    """Return the lines that a command prints; raise CommandFailed where it failed."""
    done = blocking.run_command(host.resolve_target(), f"sh -c {shlex.quote(command)}")
    if done.code:
        lines = [*done.stderr.strip().splitlines(), f"exit status {done.code}"]
        raise CommandFailed(
            f"{host.name} stays up, as it did not say what runs there: {lines[0]}.",
            fix=f"Try it again · %aws_stop {host.alias} stops it at once.",
        )
    return [each.strip() for each in done.stdout.splitlines() if each.strip()]
