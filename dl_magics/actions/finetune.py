"""Fine-tune here, and go on with a run that was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from dl_magics import home
from dl_magics.events import Event
from dl_magics.training import log, logged, past
from dl_magics.training.fit import Rooms
from dl_magics.training.recipe import Recipe
from dl_magics.training.run import Run


def finetune(
    recipe: Recipe, folder: Path, stop: Callable[[], bool]
) -> Generator[Event, None, None]:
    """Run a recipe in the folder of a new run; yield its events as they come.

    It ends at a batch boundary when `stop()` is true or someone asked for it with
    `runs.request_stop`. Where it fails before it started, nothing is left of it. Closed half-way,
    it is logged as interrupted.
    """
    with logged.fresh(folder), closing(logged.begun(recipe, _rooms(folder), stop=stop)) as events:
        yield from events


def resume(run: Run, stop: Callable[[], bool]) -> Generator[Event, None, None]:
    """Go on with an interrupted run; yield its events from the first on, then the new ones.

    All its numbers will be those of a run without a break.

    Raises
    ------
    NotResumable
        where the run came to its end, goes on already, or began with something else.
    """
    past.read(run.path)
    with closing(logged.resumed(_rooms(run.path), stop=stop)) as events:
        yield from log.read(run.path)
        yield from events


def _rooms(folder: Path) -> Rooms:
    return Rooms(folder, home.folder("features"), home.folder("weights"))
