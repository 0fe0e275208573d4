"""Fine-tune, here or there, and go on with a run that was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from dl_magics import home
from dl_magics.actions import connect, mirror, there
from dl_magics.events import Event
from dl_magics.training import log, logged, past
from dl_magics.training.fit import Rooms
from dl_magics.training.recipe import Recipe
from dl_magics.training.run import Run
from dl_magics.training.theano import meant

Events = Generator[Event, None, None]
Stop = Callable[[], bool]


def finetune(recipe: Recipe, folder: Path, stop: Stop) -> Events:
    """Run a recipe in the folder of a new run, where the GPU kernel is; yield its events.

    With none connected it runs here. It ends at a batch boundary when `stop()` is true or someone
    asked for it with `runs.request_stop`. Where it fails before it started, nothing is left of it.
    Closed half-way, it is logged as interrupted here, and goes on there.
    """
    with logged.fresh(folder), closing(_begun(recipe, folder, stop)) as events:
        yield from events


def _begun(recipe: Recipe, folder: Path, stop: Stop) -> Events:
    if connect.is_connected():
        return there.finetune(connect.current(), recipe, folder, stop)
    train = meant.engine(recipe, home.folder())
    return logged.begun(recipe, _rooms(folder), stop=stop, train=train)


def resume(run: Run, stop: Stop) -> Events:
    """Go on with an interrupted run where it was; yield its events from the first on.

    All its numbers will be those of a run without a break.

    Raises
    ------
    NotResumable
        where the run came to its end, goes on already, or began with something else.
    """
    if mirror.of(run.path):
        events = there.resume(run, stop)
    else:
        past.read(run.path)
        events = logged.resumed(_rooms(run.path), stop=stop)
    with closing(events):
        yield from log.read(run.path)
        yield from events


def _rooms(folder: Path) -> Rooms:
    return Rooms(folder, home.folder("features"), home.folder("weights"))
