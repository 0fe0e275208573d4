"""What this computer knows of the work on an instance: its runs and its GPU kernels."""

from __future__ import annotations

from pathlib import Path

from dl_magics.actions.aws.guard.overdue import Activity
from dl_magics.actions.runs import overview
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError
from dl_magics.runs import log, remote_origin
from dl_magics.store import state

_MOST_RUNS = 100


def read_activity(instance: Instance) -> Activity:
    """Return the activity since the last start of an instance.

    Whether a cell runs in a kernel of it is unknown here: a kernel that was used counts.
    """
    try:
        kernels = [
            each
            for each in state.read().kernels.values()
            if each.host.get("alias") == instance.id and each.used_at > instance.launched_at
        ]
        runs = [folder for folder in overview.list_folders(_MOST_RUNS) if _is_on(folder, instance)]
        going_on = [each for each in runs if _may_go_on(each)]
        last_event = max((overview.read_log_age(each)[1] for each in runs), default=0.0)
    except (DLMagicsError, OSError):
        return Activity(works=None)
    used = max((each.used_at for each in kernels), default=0.0)
    works = True if going_on else None if kernels else False
    return Activity(works=works, at=max(used, last_event))


def _is_on(folder: Path, instance: Instance) -> bool:
    origin = remote_origin.load(folder)
    return origin is not None and origin.host.get("alias") == instance.id


def _may_go_on(folder: Path) -> bool:
    return remote_origin.is_running(folder) or log.is_being_written(folder)
