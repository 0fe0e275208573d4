"""Compare runs: read each once, and put side by side what differs and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from dl_magics.actions.runs import runs
from dl_magics.actions.runs.comparison import rows, verdict
from dl_magics.actions.runs.comparison.side import Side
from dl_magics.actions.runs.comparison.view import Comparison
from dl_magics.errors import BadSetting
from dl_magics.runs import evaluation, tag
from dl_magics.training.run import Run

_MOST = 8


def compare_runs(names: Sequence[str]) -> Comparison:
    """Return the runs with these names, or parts of names, side by side in this order.

    Those that are only on the connected host are fetched first.

    Raises
    ------
    BadSetting
        for fewer than two different runs, or more than eight.
    NoSuchRun
        where a name fits no run, or several.
    """
    if not 2 <= len(names) <= _MOST:
        raise BadSetting(
            f"--compare takes 2 to {_MOST} runs, not {len(names)}: {' '.join(names)}",
            fix="Name them or a part of their names: %runs --compare 2026-11-22 2026-11-23",
        )
    found = [runs.find_run(name) for name in names]
    for at, run in enumerate(found):
        if run.name in (each.name for each in found[:at]):
            raise BadSetting(
                f"{names[at]!r} is the run {run.name}, which is named twice.",
                fix="Name two different runs; %runs lists them.",
            )
    sides = tuple(_read_side(chr(ord("A") + at), run) for at, run in enumerate(found))
    return Comparison(
        sides,
        rows.list_groups(sides),
        rows.list_equal_settings(sides),
        verdict.describe_difference(sides),
    )


def _read_side(letter: str, run: Run) -> Side:
    return Side(
        letter,
        run.name,
        tag.read_tag(run.path),
        run.state,
        evaluation.read_evaluation(run.path, "valid"),
        evaluation.read_evaluation(run.path, "test"),
    )
