"""The trial that finds the batch size for many images, in a child of its own.

Runs in a child process: `python trial_checks.py SETTING`.
"""

from __future__ import annotations

import json
from typing import Any

from rows import NoGpu, Wrong, print_checks
from setting import Setting, setting_of_child

from dl_magics.training.engine import device
from dl_magics.training.engine.inference import batch_search

_MANY_IMAGES = 10**6


def check_trial(setting: Setting) -> tuple[str, dict[str, Any]]:
    """Let the engine find the batch size as for a million images."""
    found = device.detect_device()
    if found.kind != "gpu":
        raise NoGpu("nothing to measure")
    precision = device.choose_precision("auto", found)
    folder = setting.folder / f"trial-{setting.backend}"
    search = batch_search.find_batch_size(setting.recipe(), found, precision, _MANY_IMAGES, folder)
    while True:
        try:
            next(search)
        except StopIteration as stop:
            size = stop.value
            break
    if not size:
        raise Wrong("the trial measured nothing")
    known = json.loads((folder / batch_search.FILE_NAME).read_text())
    return f"{size}, kept for the next run", {"batch_size": size, "kept": known}


if __name__ == "__main__":
    told = setting_of_child()
    print_checks(
        told.backend, [("batch size measured in a process of its own", lambda: check_trial(told))]
    )
