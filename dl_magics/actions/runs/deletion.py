"""Delete runs of this computer, each by its full name."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from dl_magics.actions.runs import overview
from dl_magics.actions.runs.run_table import format_size, measure_size
from dl_magics.errors import WrongState
from dl_magics.runs import log, remote_origin
from dl_magics.training.run import Run


def find_runs(names: Sequence[str]) -> list[Run]:
    """Return the runs with exactly these names.

    Raises
    ------
    NoSuchRun
        where there is none of a name.
    WrongState
        where one is running.
    """
    runs = [Run(overview.find_folder(name)) for name in dict.fromkeys(names)]
    for run in runs:
        if log.is_being_written(run.path) or remote_origin.is_running(run.path):
            raise WrongState(
                f"The run {run.name} is running.",
                fix=f"Stop it first, in the widget that this shows: %attach {run.name}",
            )
    return runs


def ask(runs: Sequence[Run]) -> str:
    """Return the question that names what would be deleted."""
    names = ", ".join(run.name for run in runs)
    size = format_size(sum(map(measure_size, runs)))
    what = "this run" if len(runs) == 1 else f"these {len(runs)} runs"
    hosts = {origin.host["name"] for run in runs if (origin := remote_origin.load(run.path))}
    kept = f"; what is on {', '.join(sorted(hosts))} stays there" if hosts else ""
    return f"Delete {what} with model and report, {size}: {names}{kept}"


def delete_runs(runs: Sequence[Run]) -> str:
    """Delete the folders of the runs; return a sentence about it."""
    size = sum(map(measure_size, runs))
    for run in runs:
        shutil.rmtree(run.path)
    names = ", ".join(run.name for run in runs)
    return f"Deleted: {names} ({format_size(size)}). The features of their images are kept."
