"""The runs that end with a GPU kernel: a question before it ends, and afterwards what goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dl_magics.magics import prompts
from dl_magics.magics.display.updatable import print_line


@contextmanager
def naming_runs(what: str, *, yes: bool, restarts: bool) -> Iterator[None]:
    """Around what ends the GPU kernel of this notebook: ask if it trains runs, then name them.

    `what` begins the question; `restarts` says that another GPU kernel is connected afterwards.
    """
    from dl_magics.actions.runs import runs
    from dl_magics.actions.runs.elsewhere import cut_off

    going_on = runs.list_open_on_kernel()
    if going_on:
        prompts.confirm(f"{what}: {cut_off.describe_interrupted(going_on)}", yes=yes)
    yield
    for run in going_on:
        cut_off.mark_ended(run)
        print_line(cut_off.describe_ended_with_kernel(run, is_connected=restarts))
