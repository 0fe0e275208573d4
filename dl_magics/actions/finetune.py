"""Fine-tune here: every event goes to the log of the run before anyone sees it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from dl_magics import home
from dl_magics.actions import runs, theano
from dl_magics.events import Event, RunEnded, RunStarted
from dl_magics.training import log, report
from dl_magics.training.fit import Rooms
from dl_magics.training.fit import finetune as engine
from dl_magics.training.recipe import Recipe
from dl_magics.training.state import RunState


def finetune(
    recipe: Recipe, folder: Path, stop: Callable[[], bool]
) -> Generator[Event, None, None]:
    """Run a recipe in the folder of a new run; yield its events as they come.

    It ends at a batch boundary when `stop()` is true or someone asked for it with
    `runs.request_stop`. Where it fails before it started, nothing is left of it. Closed half-way,
    it is logged as interrupted.
    """

    def stopped() -> bool:
        return stop() or runs.stop_is_requested(folder)

    try:
        (folder / "recipe.json").write_text(
            json.dumps(recipe.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        rooms = Rooms(folder, home.folder("features"), home.folder("weights"))
        events = theano.events(recipe, rooms, stopped) or engine(recipe, rooms, stop=stopped)
        yield from _logged(events, folder)
    finally:
        if not any(log.read(folder)):
            shutil.rmtree(folder)


def _logged(events: Generator[Event, None, None], folder: Path) -> Generator[Event, None, None]:
    """Write each event to the log, then yield it; what fails before it started is not written."""
    state = RunState()
    with log.RunLog(folder) as lines, closing(events):
        try:
            for event in events:
                if isinstance(event, RunStarted) or state.n:
                    lines.append(event)
                state = state.after(event)
                if state.ended and state.started_at:
                    report.write(folder, state)
                yield event
        finally:
            if state.started_at and not state.ended:
                lines.append(RunEnded(n=state.n + 1, t=time.time(), status="interrupted"))
