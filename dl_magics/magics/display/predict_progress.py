"""Shows how many images a run has predicted, here or on a host, and disappears at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from dl_magics.magics.display.front_end import shows_widgets
from dl_magics.magics.display.plain_text import build_bundle
from dl_magics.magics.display.updatable import UpdatableDisplay, print_line

if TYPE_CHECKING:
    from dl_magics.runs.evaluation import Evaluation
    from dl_magics.training.prediction.predict import Progress
    from dl_magics.training.prediction.predictions import Predictions
    from dl_magics.training.run import Run

_SECONDS_BETWEEN = 0.25


def show_in(shell: Any, run: Run) -> Run:
    """Let a run show its progress in a shell, and use its host where its images are; return it."""
    run.show_progress = partial(show_progress, shell)
    run.evaluate_on_host = _evaluate_on_host
    run.predict_on_host = _predict_on_host
    return run


def _evaluate_on_host(run: Run, split: str) -> Evaluation:
    from dl_magics.actions.results import evaluating

    return evaluating.evaluate_on_host(run, split)


def _predict_on_host(run: Run, paths: Sequence[str]) -> Predictions | None:
    from dl_magics.actions.results import predicting

    return predicting.predict_on_host(run, paths, print_line)


def show_progress(shell: Any, what: str = "Predicting") -> AbstractContextManager[Progress]:
    """Yield a function that shows how many predictions are done, and of how many."""
    # Imports NumPy and Pillow, which loading the extension does not.
    from dl_magics.training.prediction import predict

    return _display(shell, what) if shows_widgets(shell) else predict.print_progress()


@contextmanager
def _display(shell: Any, what: str) -> Iterator[Progress]:
    shown = UpdatableDisplay(shell)
    due = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _SECONDS_BETWEEN
            text = _describe(what, done, total) if done else "Loading the model …"
            shown.show(build_bundle(text))

    try:
        yield progress
    finally:
        shown.remove()


def _describe(what: str, done: int, total: int) -> str:
    from dl_magics.core.bar import format_bar

    return (
        f"{format_bar(done / max(total, 1))} {what}: {done:,} of {total:,}\n"
        "To stop: interrupt the kernel (■)."
    )
