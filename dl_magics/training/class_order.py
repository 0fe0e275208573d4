"""The order of the class names of a run: the labels are in that of the sorted names."""

from __future__ import annotations

from dl_magics.data import walk
from dl_magics.errors import DamagedRun
from dl_magics.runs.state import RunState


def require_class_order(state: RunState) -> None:
    """Raise DamagedRun where an earlier version wrote the class names in another order."""
    names = list(state.classes)
    if names != sorted(names):
        raise DamagedRun(
            f"The class names of the run {state.run} ({walk.shorten_list(names)}) are not in the "
            "order of its labels: an earlier version of dl_magics trained it on folders whose "
            "names are decomposed, as on macOS, or not UTF-8.",
            fix="Run the %%finetune cell again; the features it computed are kept.",
        )
