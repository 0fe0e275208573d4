"""What `%predict` asks for where a run and the images are: here, or on a host.

The arguments and the results are JSON values. Of the images only small pictures are returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from dl_magics.training.engine.inference.out_of_memory import translating_out_of_memory
from dl_magics.training.prediction.predict import Progress
from dl_magics.training.prediction.predictions import encode_thumbnail
from dl_magics.training.run import Run

_DIGITS = 7  # of a probability; float32 has no more


def open_run(folder: str, progress: Progress | None = None) -> Run:
    """Return the run in a folder, which says to `progress` how far it is."""
    run = Run(Path(folder).expanduser())
    if progress:
        run.show_progress = lambda: nullcontext(progress)
    return run


def predict_run(
    run: str, paths: Sequence[str], *, progress: Progress | None = None
) -> dict[str, Any]:
    """Return what the run in the folder `run` predicts for files and folders, by path.

    `pictures` has those that are shown: of the images with the lowest probability.
    """
    with translating_out_of_memory():
        found = open_run(run, progress).predict(list(paths))
    return {
        "images": [
            [str(each.path), [round(value, _DIGITS) for value in each.probabilities.values()]]
            for each in found
        ],
        "skipped": {str(path): reason for path, reason in found.skipped.items()},
        "pictures": {str(each.path): encode_thumbnail(each.path) for each in found.doubtful},
    }
