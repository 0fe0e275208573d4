"""The runs that there are: begin one, list them, find one, watch one, stop one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

from dl_magics.actions.runs import remote_finetune, remote_run, remote_runs
from dl_magics.actions.runs.remote_runs import Elsewhere
from dl_magics.errors import NoSuchRun
from dl_magics.runs import log, stop_request
from dl_magics.runs.events import Event, RunEnded
from dl_magics.runs.summary import headline
from dl_magics.store import paths
from dl_magics.training import recorder
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run

_SECONDS_BETWEEN_LOOKS = 0.2
_LONGEST = 60


class Runs(list[Run]):
    """Runs, newest first, then the names of those that are only elsewhere; it shows as a table."""

    def __init__(self, runs: Iterable[Run] = (), elsewhere: Elsewhere | None = None) -> None:
        super().__init__(runs)
        self.elsewhere = elsewhere or Elsewhere()

    def _lines(self) -> list[tuple[str, str]]:
        lines = [(run.name, headline(run.state)) for run in self]
        where, names = self.elsewhere.where, self.elsewhere.names
        return lines + [(name, f"only on {where} · %attach {name}") for name in names]

    def __repr__(self) -> str:
        return "\n".join(f"{name}  {said}" for name, said in self._lines()) or _NONE

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{escape(name)}</code></td>"
            f"<td style='text-align:left'>{escape(said)}</td></tr>"
            for name, said in self._lines()
        )
        if not rows:
            return f"<p>{escape(_NONE)}</p>"
        return f"<table><thead><tr><th>run</th><th></th></tr></thead><tbody>{rows}</tbody></table>"


_NONE = "No run yet: %%finetune data/dogscats makes one."


def new(recipe: Recipe) -> Path:
    """Make the folder of a new run, `2026-11-22_2354_vgg16_dogscats`, and return it."""
    data = _plain(Path(recipe.data).absolute().name)
    name = f"{time.strftime('%Y-%m-%d_%H%M%S')}_{_plain(recipe.model)}_{data}".rstrip("_")
    parent = paths.data_folder("runs")
    for again in range(1, 1000):
        folder = parent / (name if again == 1 else f"{name}-{again}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(parent / name)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST].strip("-")


def named(part: str) -> Runs:
    """Return the runs, here and where the GPU kernel is, that have this in their name."""
    away = remote_runs.listed()
    names = tuple(name for name in away.names if part in name)
    return Runs((run for run in every() if part in run.name), replace(away, names=names))


def every() -> Runs:
    """Return all runs that are here, newest first."""
    folders = sorted(paths.data_folder("runs").iterdir(), reverse=True)
    return Runs(Run(folder) for folder in folders if (folder / log.FILE_NAME).is_file())


def find(name: str = "") -> Run:
    """Return the run of this name, or whose name it is a part of; without a name the newest.

    One that is only where the GPU kernel is comes home first.

    Raises
    ------
    NoSuchRun
        where none fits, or several do.
    """
    runs = every()
    fitting = [run for run in runs if run.name == name] or [run for run in runs if name in run.name]
    if not fitting and name and (brought := remote_runs.bring(name)):
        return brought
    if not fitting:
        raise NoSuchRun(
            f"No run is called {name!r}." if name else "There is no run yet.",
            fix="%runs lists them." if runs else "%%finetune data/dogscats makes one.",
        )
    if name and len(fitting) > 1:
        listed = ", ".join(run.name for run in fitting[:5])
        raise NoSuchRun(
            f"{len(fitting)} runs have {name!r} in their name: {listed}",
            fix=f"Name one of them: %attach {fitting[0].name}",
        )
    return fitting[0]


def resumable() -> Runs:
    """Return the runs that were interrupted, newest first."""
    states = ((run, run.state) for run in every())
    return Runs(run for run, state in states if state.started_at and state.status == "interrupted")


def interrupted(name: str = "") -> Run:
    """Return the run of this name, as `find` does; without a name the newest interrupted one.

    Raises
    ------
    NoSuchRun
        where there is none.
    """
    if name:
        return find(name)
    found = resumable()
    if not found:
        raise NoSuchRun("No run was interrupted.", fix="%runs lists them all.")
    return found[0]


def follow(run: Run, sleep: Callable[[float], None] = time.sleep) -> Iterator[Event]:
    """Yield the events of a run from the first on, and go on while it does.

    The log of a run that was killed does not say how it ended: a `RunEnded` is added here.
    """
    if not log.is_being_written(run.path) and not remote_run.is_over(run.path):
        yield from _from_there(run)
        return
    seen = 0
    event = Event()
    while True:
        goes_on = log.is_being_written(run.path)
        for event in log.read_events(run.path, since=seen):
            seen = event.n
            yield event
        if not goes_on:
            if not isinstance(event, RunEnded):
                yield RunEnded(n=seen + 1, t=event.t, status="interrupted")
            return
        sleep(_SECONDS_BETWEEN_LOOKS)


def _from_there(run: Run) -> Iterator[Event]:
    event = Event()
    for source in (log.read_events(run.path), remote_finetune.rest(run.path, recorder.never_stop)):
        for event in source:
            yield event
    if not isinstance(event, RunEnded):
        yield RunEnded(n=event.n + 1, t=event.t, status="interrupted")


def request_stop(run: Run) -> None:
    """Ask a run to end at its next batch and keep its best weights, whoever runs it."""
    stop_request.request_stop(run.path)
