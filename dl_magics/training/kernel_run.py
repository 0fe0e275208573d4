"""Train inside the GPU kernel and send every event; needs no IPython."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from dl_magics.runs import stop_request
from dl_magics.runs.events import Event
from dl_magics.runs.paths import RunPaths
from dl_magics.store import private
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
    """Train in the folder of a run, or resume the run in it; return the Run.

    Each event is written to the log and then sent. The run ends at a batch boundary and keeps its
    best weights when `stop()` returns True, at the first interrupt of the kernel, or when a stop
    was requested with `stop_request`. A second interrupt raises KeyboardInterrupt.

    Parameters
    ----------
    recipe
        What `Recipe.to_json` returned.
    folder
        The folder of the run.
    features, weights
        The folders that all runs of this host share.
    host
        The name, id, type and price of this host, for the log.
    send
        Called with each new event as plain values.
    resume
        Resume the interrupted run in the folder; its recipe must be the same.
    stop
        Called at each batch.
    train
        The engine that trains a new run.
    """
    paths = RunPaths(*(Path(each).expanduser() for each in (folder, features, weights)))
    for each in (paths.run, paths.features, paths.weights):
        private.ensure_folder(each)
    asked = Recipe.from_json(recipe)
    with stop_request.catch_first_interrupt() as is_interrupted:

        def should_stop() -> bool:
            return stop() or is_interrupted()

        if resume:
            events = recorder.record_resumed_run(paths, recipe=asked, stop=should_stop, host=host)
        else:
            events = recorder.record_new_run(asked, paths, stop=should_stop, host=host, train=train)
        with closing(events):
            for event in events:
                send(event.to_json())
    return Run(paths.run)
