"""With which workers an interrupted run goes on: those that are up, or none if all is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dl_magics.actions.runs.crew import hosts
from dl_magics.errors import DLMagicsError, NoSuchInstance, WrongState
from dl_magics.runs.state import RunState
from dl_magics.store import paths
from dl_magics.training.crew.crew import Crew
from dl_magics.training.crew.kept import KeptFeatures
from dl_magics.training.engine import device
from dl_magics.training.engine.device import Device
from dl_magics.training.run import Run
from dl_magics.training.storage import spaces


@dataclass(frozen=True, slots=True)
class ResumedCrew:
    """The crew of a resumed run, the `host` of its events, and the sentence that says it."""

    sentence: str
    crew: Crew
    host: Mapping[str, Any] | None

    @property
    def is_computed(self) -> bool:
        """Whether no worker has to compute."""
        return isinstance(self.crew, KeptFeatures)


def plan_resumed(run: Run) -> ResumedCrew | None:
    """Return with which workers a run is resumed; None for one that has none, or has ended.

    Where the features of all images are on this computer, no worker is started; those that are up
    count for the cost nevertheless.

    Raises
    ------
    NotInstalled
        where workers are needed, and Dask is missing on this computer.
    NoSuchInstance, WrongState
        where workers are needed, and none is up.
    """
    state = run.record.refresh()
    workers = state.recipe.get("workers")
    if not workers or state.status not in ("running", "interrupted"):
        return None
    kept = _find_device(run.name, state)
    try:
        host = hosts.describe_crew(workers, some=True, uses_dask=kept is None)
    except DLMagicsError as error:
        if kept is None and isinstance(error, NoSuchInstance | WrongState):
            raise _say_how(error, run.name, state) from error
        if kept is None:
            raise
        host = None
    if kept:
        sentence = "Trains on this computer, where the features of all images are kept."
        return ResumedCrew(sentence, KeptFeatures(kept), host)
    assert host is not None
    names = host["name"].split(", ")
    gone = [each for each in str(state.host.get("name", "")).split(", ") if each not in names]
    without = f" Without {', '.join(gone)}, which the run began with." if any(gone) else ""
    return ResumedCrew(hosts.describe_place(host) + without, hosts.make_crew(workers), host)


def _find_device(run: str, state: RunState) -> Device | None:
    """Return what computed the features of a run; None if they are not complete, or not here."""
    if state.phase in ("", "features"):
        return None
    for space in paths.data_folder("features").iterdir():
        if not spaces.is_space_name(space.name) or run not in spaces.read_users(space):
            continue
        about = spaces.read_description(space)
        if "precision" in about and "computed_by" in about:
            half = str(about["precision"]).removeprefix("mixed_")
            return Device(
                kind=str(about["computed_by"]).rpartition(" ")[2],
                name=state.device,
                memory=device.free_memory(),
                half="" if half == "float32" else half,
                winograd="convolution" in about,
            )
    return None


def _say_how(
    error: NoSuchInstance | WrongState, run: str, state: RunState
) -> NoSuchInstance | WrongState:
    """Return the error of a run that cannot go on, with the way to let it."""
    done = f" The features of {state.done:,} of {state.total:,} images are kept."
    type_ = str(state.host.get("each_type", "TYPE"))
    fix = error.fix.replace("TYPE", type_).partition(" · ")[0]
    return type(error)(
        f"{error}{done if state.total else ''}", fix=f"{fix}, then %finetune --resume {run}"
    )
