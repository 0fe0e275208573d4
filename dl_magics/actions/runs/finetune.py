"""Fine-tune, here or there, and go on with a run that was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.runs import remote_finetune, remote_run
from dl_magics.runs import log
from dl_magics.runs.events import Event
from dl_magics.runs.paths import RunPaths
from dl_magics.store import paths
from dl_magics.training import recorder
from dl_magics.training.engine import resume_point
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run
from dl_magics.training.theano import select

Events = Generator[Event, None, None]
Stop = Callable[[], bool]


def finetune(recipe: Recipe, folder: Path, stop: Stop) -> Events:
    """Run a recipe in the folder of a new run, where the GPU kernel is; yield its events.

    With none connected it runs here. It ends at a batch boundary when `stop()` is true or someone
    asked for it with `runs.request_stop`. Where it fails before it started, nothing is left of it.
    Closed half-way, it is logged as interrupted here, and goes on there.
    """
    with recorder.remove_if_not_started(folder), closing(_begun(recipe, folder, stop)) as events:
        yield from events


def _begun(recipe: Recipe, folder: Path, stop: Stop) -> Events:
    if notebook_kernel.is_connected():
        return remote_finetune.finetune(notebook_kernel.current(), recipe, folder, stop)
    train = select.engine(recipe, paths.data_folder())
    return recorder.record_new_run(recipe, _run_paths(folder), stop=stop, train=train)


def resume(run: Run, stop: Stop) -> Events:
    """Go on with an interrupted run where it was; yield its events from the first on.

    All its numbers will be those of a run without a break.

    Raises
    ------
    NotResumable
        where the run came to its end, goes on already, or began with something else.
    """
    if remote_run.of(run.path):
        events = remote_finetune.resume(run, stop)
    else:
        resume_point.read(run.path)
        events = recorder.record_resumed_run(_run_paths(run.path), stop=stop)
    with closing(events):
        yield from log.read_events(run.path)
        yield from events


def _run_paths(folder: Path) -> RunPaths:
    return RunPaths(folder, paths.data_folder("features"), paths.data_folder("weights"))
