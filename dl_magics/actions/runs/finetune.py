"""Train a recipe, or resume an interrupted run: in this process, or in the GPU kernel."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

from dl_magics.actions.runs import remote_finetune
from dl_magics.actions.runs.crew import hosts
from dl_magics.actions.runs.crew.resuming import ResumedCrew
from dl_magics.actions.runs.models import own_model
from dl_magics.actions.runs.place import TrainingPlace
from dl_magics.runs import remote_origin
from dl_magics.runs.events import Event
from dl_magics.runs.paths import RunPaths
from dl_magics.store import paths
from dl_magics.training import recorder
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run
from dl_magics.training.theano import select

Events = Generator[Event, None, None]
Stop = Callable[[], bool]


def finetune(recipe: Recipe, folder: Path, stop: Stop, place: TrainingPlace) -> Events:
    """Train a recipe at a place, in the folder of a new run; yield its events.

    The run ends at a batch
    boundary and keeps its best weights when `stop()` returns True or `runs.request_stop` was
    called. If it fails before its first event, the folder is removed. If the generator is closed
    early, a local run is logged as interrupted and a remote run keeps training.
    """
    with recorder.remove_if_not_started(folder):
        own_model.check_file(recipe)
        if place.kernel:
            yield from remote_finetune.start_run(place.kernel, place.host, recipe, folder, stop)
        else:
            train = select.select_engine(recipe, paths.data_folder())
            if recipe.workers:
                train = partial(train, crew=hosts.make_crew(recipe.workers))
            yield from recorder.record_new_run(
                recipe, _run_paths(folder), stop=stop, host=place.host or None, train=train
            )


def resume(run: Run, stop: Stop, resumed: ResumedCrew | None = None) -> Events:
    """Resume an interrupted run on the host where it began; yield the events that are new.

    `resumed` is with which workers, for a run that has some.

    Raises
    ------
    NotResumable
        where the run has ended, is running, or began with other data or settings.
    """
    if remote_origin.load(run.path):
        yield from remote_finetune.resume_run(run.record, stop)
    else:
        yield from recorder.record_resumed_run(
            _run_paths(run.path),
            record=run.record,
            stop=stop,
            host=resumed.host if resumed else None,
            crew=resumed.crew if resumed else None,
        )


def _run_paths(folder: Path) -> RunPaths:
    return RunPaths(folder, paths.data_folder("features"), paths.data_folder("weights"))
