"""A run where the GPU is: the one function that the GPU kernel calls."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from dl_magics.runs import stop_request
from dl_magics.runs.events import Event
from dl_magics.training import recorder
from dl_magics.training.engine.pipeline import Rooms
from dl_magics.training.engine.pipeline import finetune as engine
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run


def run(
    recipe: Mapping[str, Any],
    folder: str,
    *,
    features: str,
    weights: str,
    place: Mapping[str, Any],
    send: Callable[[dict[str, Any]], None],
    resume: bool = False,
    stop: Callable[[], bool] = recorder.never,
    train: Callable[..., Generator[Event, None, None]] = engine,
) -> Run:
    """Fine-tune as the recipe says in the folder of a run, or go on with the run in it.

    Each event is written to the log and then sent, as plain values. The run ends at a batch
    boundary, with its best weights, when `stop()` is true, at the first interrupt of the kernel,
    or when there is a file `stop` in its folder; a second interrupt aborts it.

    Parameters
    ----------
    recipe
        What `Recipe.to_json` returned.
    folder
        That of the run.
    features, weights
        Those that all runs there share.
    place
        Where it runs, for its log.
    send
        Gets the values of each new event.
    resume
        Go on with the interrupted run in the folder; its recipe must be the same.
    stop
        Is asked at each batch.
    train
        The engine of a new run.
    """
    rooms = Rooms(*(Path(each).expanduser() for each in (folder, features, weights)))
    for each in (rooms.run, rooms.features, rooms.weights):
        each.mkdir(parents=True, exist_ok=True)
    asked = Recipe.from_json(recipe)
    with stop_request.graceful() as interrupted:

        def stops() -> bool:
            return stop() or interrupted()

        if resume:
            events = recorder.resumed(rooms, recipe=asked, stop=stops, place=place)
        else:
            events = recorder.begun(asked, rooms, stop=stops, place=place, train=train)
        with closing(events):
            for event in events:
                send(event.to_json())
    return Run(rooms.run)
