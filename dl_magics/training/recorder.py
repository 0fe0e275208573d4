"""A run with its log: every event is written before anyone sees it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from dl_magics.errors import NotResumable
from dl_magics.runs import log, report, stop_request
from dl_magics.runs.events import Event, RunEnded, RunResumed, RunStarted
from dl_magics.runs.log import LogWriter
from dl_magics.runs.paths import RunPaths
from dl_magics.runs.state import RunState
from dl_magics.training.engine import pipeline, resume_point
from dl_magics.training.recipe.recipe import Recipe

RECIPE_FILE_NAME = "recipe.json"

Events = Generator[Event, None, None]
Place = Mapping[str, Any]


def never_stop() -> bool:
    """Ask for no stop."""
    return False


@contextmanager
def remove_if_not_started(folder: Path) -> Iterator[None]:
    """Take the folder of a new run away where the run failed before it started."""
    try:
        yield
    finally:
        if not log.is_being_written(folder) and not any(log.read_events(folder)):
            for name in (RECIPE_FILE_NAME, log.FILE_NAME):
                (folder / name).unlink(missing_ok=True)
            with suppress(OSError):
                folder.rmdir()


def record_new_run(
    recipe: Recipe,
    paths: RunPaths,
    *,
    stop: Callable[[], bool] = never_stop,
    host: Place | None = None,
    train: Callable[..., Events] = pipeline.run,
) -> Events:
    """Begin a run in its new folder; yield its events as they come, from `train`.

    It ends at a batch boundary when `stop()` is true or someone asked for it with `stopping.ask`.
    Closed half-way, it is logged as interrupted.
    """
    folder = paths.run
    with remove_if_not_started(folder), LogWriter(folder) as lines:
        if any(log.read_events(folder)):
            raise NotResumable(
                f"There is a run in {folder} already.",
                fix=f"Go on with it: %finetune --resume {folder.name} · or see it: "
                f"%attach {folder.name}",
            )
        (folder / RECIPE_FILE_NAME).write_text(
            json.dumps(recipe.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        events = train(recipe, paths, stop=_either(stop, folder), host=host)
        yield from _logged(events, lines, folder, RunState())


def record_resumed_run(
    paths: RunPaths,
    *,
    recipe: Recipe | None = None,
    stop: Callable[[], bool] = never_stop,
    host: Place | None = None,
) -> Events:
    """Go on with an interrupted run in its folder; yield the events that are new.

    A `recipe`, where there is one, must be that of the run.

    Raises
    ------
    NotResumable
        where the run came to its end, goes on already, or began with something else. Its log and
        its folder stay as they are.
    """
    folder = paths.run
    with LogWriter(folder) as lines:
        before = resume_point.read(folder)
        stop_request.clear_request(folder)
        events = pipeline.run(
            recipe or before.recipe, paths, stop=_either(stop, folder), host=host, past=before
        )
        yield from _logged(events, lines, folder, before.state)


def _either(stop: Callable[[], bool], folder: Path) -> Callable[[], bool]:
    return lambda: stop() or stop_request.is_stop_requested(folder)


def _logged(events: Events, lines: LogWriter, folder: Path, state: RunState) -> Events:
    """Write each event to the log, then yield it; what fails before it started is not written."""
    begins = False
    with closing(events):
        try:
            for event in events:
                begins = begins or isinstance(event, (RunStarted, RunResumed))
                if begins:
                    lines.append(event)
                    state = state.apply(event)
                    if state.ended:
                        report.write_report(folder, state)
                yield event
        finally:
            if begins and not state.ended:
                lines.append(RunEnded(n=state.n + 1, t=time.time(), status="interrupted"))
