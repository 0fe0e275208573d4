"""Which instances are stopped or terminated after a resumed run: no other than were confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs.crew import hosts
from dl_magics.actions.runs.ending.plan import VERBS, Ending, Endings
from dl_magics.actions.runs.place import find_resuming_host
from dl_magics.runs import remote_origin
from dl_magics.runs.events import RunStarted
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.training.run import Run


@dataclass(frozen=True, slots=True)
class ResumedEndings:
    """What happens to instances after a resumed run; `stays_up` is the line for others, or ""."""

    endings: Endings = ()
    stays_up: str = ""


def plan_resumed(run: Run) -> ResumedEndings:
    """Return what the recipe of an interrupted run asks for, which was confirmed at its start.

    Only what was named then is ended: the one instance on which all of the run trained, or its
    workers, of which only those are terminated that were up when it began.
    """
    state, origin = run.record.refresh(), remote_origin.load(run.path)
    then, workers = state.recipe.get("then"), state.recipe.get("workers")
    if then not in VERBS:
        return ResumedEndings()
    if workers:
        return _plan_resumed_crew(then, workers, _find_first_host(run).get("ids", ()))
    host = find_resuming_host(origin) if origin else None
    if origin is None or host is None or not host.is_instance:
        return ResumedEndings()
    if before := _find_earlier_host(run, origin, host):
        return ResumedEndings(
            stays_up=f"{host.name} stays up after the run: it trained on {before} before, and "
            f'then = "{then}" ends no other instance. To stop it: %aws_stop {host.alias}'
        )
    return ResumedEndings([Ending(then, host.load_context(), host.alias, host.name)])


def _plan_resumed_crew(then: str, workers: Sequence[str], began: Sequence[str]) -> ResumedEndings:
    context, found = hosts.list_instances(workers)
    left = [each for each in found if then == "terminate" and each.id not in began]
    endings = [Ending(then, context, each.id, each.name) for each in found if each not in left]
    if not left:
        return ResumedEndings(endings)
    return ResumedEndings(
        endings,
        f"{', '.join(each.name for each in left)} will not be terminated after the run, as it "
        f"began without them. To terminate one: %aws_terminate {left[0].id} -f",
    )


def _find_earlier_host(run: Run, origin: RemoteOrigin, host: SshHost) -> str:
    """Return the name of another host on which a run has trained, or "".

    Its log, which is the host's, is not enough: it could name an instance that is not its own.
    """
    began = _find_first_host(run)
    trained = {
        began.get("id", host.alias): began.get("name", ""),
        origin.host["alias"]: origin.host["name"],
    }
    return next((str(name) for alias, name in trained.items() if alias != host.alias), "")


def _find_first_host(run: Run) -> Mapping[str, Any]:
    """Return the `host` with which a run began; a resumed run has that of its last start."""
    return next((each.host for each in run.record.events if isinstance(each, RunStarted)), {})
