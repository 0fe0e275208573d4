"""What `%check_data` and `%split_data` do where the images are: in this process, or on a host.

The arguments and the results are JSON values. Nothing here needs Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from dl_magics.data.quality import check, quarantine
from dl_magics.data.splitting import plan, write
from dl_magics.data.splitting.plan import SplitPlan, SplitSettings
from dl_magics.training.checks import label_check

Progress = Callable[[int, int], None]


def check_folder(
    path: str, features: str, *, labels: bool = False, progress: Progress | None = None
) -> dict[str, Any]:
    """Return the findings of a folder; `features` is the folder of the feature store."""
    folder = Path(features).expanduser()
    label_checker = partial(label_check.check_labels, features=folder) if labels else None
    return check.check_images(Path(path).expanduser(), progress, label_checker).to_json()


def quarantine_files(path: str, reasons: Mapping[str, str]) -> dict[str, Any]:
    """Move the files {path: reason} below a folder into its quarantine."""
    return asdict(quarantine.quarantine_files(Path(path), reasons))


def put_back(path: str) -> dict[str, Any]:
    """Move the files of all quarantines of a folder back."""
    return asdict(quarantine.put_back(Path(path)))


def plan_split(
    path: str,
    destination: str,
    settings: Mapping[str, Any],
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return how a folder would be split."""
    return plan.plan_split(path, destination, SplitSettings(**settings), progress).to_json()


def write_split(planned: Mapping[str, Any], *, copy: bool) -> dict[str, Any]:
    """Create the files of a plan."""
    return asdict(write.write_split(SplitPlan(**planned), copy=copy))


def remove_split(path: str) -> dict[str, Any]:
    """Remove the files that a split created."""
    return asdict(write.remove_split(path))
