"""Train and record: every event is written to the run's log before it is yielded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from dl_magics.errors import DiskFull, NotResumable
from dl_magics.runs import checkpoint_request, log, remote_origin, stop_request
from dl_magics.runs.events import Event, RunEnded
from dl_magics.runs.log import LogWriter
from dl_magics.runs.paths import RunPaths
from dl_magics.runs.record import RunRecord
from dl_magics.runs.report import page
from dl_magics.runs.state import RunState
from dl_magics.runs.write_errors import translating_write_errors
from dl_magics.store import atomic
from dl_magics.training import backend_messages
from dl_magics.training.crew.crew import Crew
from dl_magics.training.engine import pipeline, resume_point
from dl_magics.training.recipe.recipe import Recipe

RECIPE_FILE_NAME = "recipe.json"
_FILES_OF_OTHERS = (
    backend_messages.FILE_NAME,
    remote_origin.FILE_NAME,
    remote_origin.KERNEL_FILE_NAME,
)

Events = Generator[Event, None, None]
Host = Mapping[str, Any]


def never_stop() -> bool:
    """Return False: the default of the functions that are asked whether to stop."""
    return False


@contextmanager
def remove_if_not_started(folder: Path) -> Iterator[None]:
    """Remove the folder of a new run that has no event, unless it goes on on a host."""
    try:
        yield
    finally:
        if not (
            log.is_being_written(folder)
            or log.has_events(folder)
            or remote_origin.is_running(folder)
        ):
            for name in (RECIPE_FILE_NAME, log.FILE_NAME, *_FILES_OF_OTHERS):
                (folder / name).unlink(missing_ok=True)
            with suppress(OSError):
                folder.rmdir()


def write_recipe(folder: Path, recipe: Mapping[str, Any]) -> None:
    """Write `recipe.json` of a run: what `Recipe.to_json` returned."""
    text = json.dumps(recipe, indent=2, ensure_ascii=False) + "\n"
    # A name that is not UTF-8 is written as JSON writes it.
    with translating_write_errors(folder):
        atomic.replace(folder / RECIPE_FILE_NAME, text.encode("utf-8", "backslashreplace"))


def record_new_run(
    recipe: Recipe,
    paths: RunPaths,
    *,
    stop: Callable[[], bool] = never_stop,
    host: Host | None = None,
    train: Callable[..., Events] = pipeline.run,
) -> Events:
    """Train in a new folder; yield the events of `train`.

    The run ends at a batch boundary when `stop()` returns True or a stop was requested with
    `stop_request`. If the generator is closed early, the run is logged as interrupted.

    Raises
    ------
    NotResumable
        where the folder already holds a run, or another process writes its log.
    """
    folder = paths.run
    with remove_if_not_started(folder), LogWriter(folder) as writer:
        if log.has_events(folder):
            raise NotResumable(
                f"{folder} already holds a run.",
                fix=f"Resume it: %finetune --resume {folder.name} · or watch it: "
                f"%attach {folder.name}",
            )
        write_recipe(folder, recipe.to_json())
        events = train(recipe, paths, stop=_stop_if_requested(stop, folder), host=host)
        yield from _record(events, writer, folder, RunState())


def record_resumed_run(
    paths: RunPaths,
    *,
    record: RunRecord | None = None,
    recipe: Recipe | None = None,
    stop: Callable[[], bool] = never_stop,
    host: Host | None = None,
    crew: Crew | None = None,
) -> Events:
    """Resume the interrupted run in a folder; yield the new events.

    `record` is what the caller has already read of the log; a `recipe` must equal that of the run.

    Raises
    ------
    NotResumable
        where the run has ended, is running, or began with other data or settings. Its folder is
        left as it was.
    """
    folder = paths.run
    with LogWriter(folder) as writer:
        before = resume_point.load_resume_point(record or RunRecord(folder))
        stop_request.clear_request(folder)
        # One from before the interruption is out of date.
        checkpoint_request.take_request(folder)
        events = pipeline.run(
            recipe or before.recipe,
            paths,
            stop=_stop_if_requested(stop, folder),
            host=host,
            resume_point=before,
            crew=crew,
        )
        yield from _record(events, writer, folder, before.state)


def _stop_if_requested(stop: Callable[[], bool], folder: Path) -> Callable[[], bool]:
    return lambda: stop() or stop_request.is_stop_requested(folder)


def _record(events: Events, writer: LogWriter, folder: Path, state: RunState) -> Events:
    """Write each event, then yield it.

    The end of a run that did not begin is neither written nor yielded: one that was refused,
    interrupted, or not resumed leaves no trace. One that failed on its way to begin does.
    """
    has_begun = False
    with closing(events):
        try:
            for event in events:
                if not (has_begun or _begins(event, state)):
                    continue
                has_begun = True
                if isinstance(event, RunEnded):
                    event = _add_cost(event, state)
                writer.append(event)
                state = state.apply(event)
                if state.ended:
                    with translating_write_errors(folder):
                        page.write_report(folder, state)
                yield event
        finally:
            if has_begun and not state.ended:
                ended = RunEnded(n=state.n + 1, t=time.time(), status="interrupted")
                # On a full disk the log has no end, which means the same.
                with suppress(DiskFull):
                    writer.append(_add_cost(ended, state))


def _begins(event: Event, state: RunState) -> bool:
    if isinstance(event, RunEnded):
        return event.status == "failed" and not state.started_at
    return True


def _add_cost(ended: RunEnded, before: RunState) -> RunEnded:
    """Return the end of a run with what its instance cost from its start to then."""
    state = before.apply(ended)
    return replace(ended, dollars=state.dollars, price_day=state.price_day)
