"""Shows how many images `run.predict` has done, and disappears at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from dl_magics.magics.display.front_end import shows_widgets
from dl_magics.magics.display.plain_text import build_bundle
from dl_magics.magics.display.updatable import UpdatableDisplay
from dl_magics.training.prediction import predict

if TYPE_CHECKING:
    from dl_magics.runs.evaluation import Evaluation
    from dl_magics.training.prediction.predict import Progress
    from dl_magics.training.run import Run

_SECONDS_BETWEEN = 0.25


def show_in(shell: Any, run: Run) -> Run:
    """Let a run show its progress in a shell, and evaluate itself on its host; return the run."""
    run.show_progress = partial(_show, shell)
    run.evaluate_on_host = _evaluate_on_host
    return run


def _evaluate_on_host(run: Run, split: str) -> Evaluation:
    from dl_magics.actions.results import evaluating

    return evaluating.evaluate_on_host(run, split)


def _show(shell: Any) -> AbstractContextManager[Progress]:
    return _display(shell) if shows_widgets(shell) else predict.print_progress()


@contextmanager
def _display(shell: Any) -> Iterator[Progress]:
    shown = UpdatableDisplay(shell)
    due = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _SECONDS_BETWEEN
            text = f"Predicting: {done:,} of {total:,} images" if done else "Loading the model …"
            shown.show(build_bundle(text))

    try:
        yield progress
    finally:
        shown.remove()
