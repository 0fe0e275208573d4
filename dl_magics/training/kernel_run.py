"""A run where the GPU is: the one function that the GPU kernel calls."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from dl_magics.runs import stop_request
from dl_magics.runs.events import Event
from dl_magics.runs.paths import RunPaths
from dl_magics.training import recorder
from dl_magics.training.engine import pipeline
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run


def run_and_send(
    recipe: Mapping[str, Any],
    folder: str,
    *,
    features: str,
    weights: str,
    host: Mapping[str, Any],
    send: Callable[[dict[str, Any]], None],
    resume: bool = False,
    stop: Callable[[], bool] = recorder.never_stop,
    train: Callable[..., Generator[Event, None, None]] = pipeline.run,
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
    host
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
    paths = RunPaths(*(Path(each).expanduser() for each in (folder, features, weights)))
    for each in (paths.run, paths.features, paths.weights):
        each.mkdir(parents=True, exist_ok=True)
    asked = Recipe.from_json(recipe)
    with stop_request.catch_first_interrupt() as interrupted:

        def stops() -> bool:
            return stop() or interrupted()

        if resume:
            events = recorder.record_resumed_run(paths, recipe=asked, stop=stops, host=host)
        else:
            events = recorder.record_new_run(asked, paths, stop=stops, host=host, train=train)
        with closing(events):
            for event in events:
                send(event.to_json())
    return Run(paths.run)
