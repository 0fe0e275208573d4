"""The runs of this computer at a glance, from their logs only: for JupyterLab's panel.

No Keras and no connection is needed, so that a busy or lost kernel changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from dl_magics.errors import DamagedRun, NoSuchRun
from dl_magics.runs import log, remote_origin, stop_request
from dl_magics.runs.paths import is_run, list_newest_first
from dl_magics.runs.record import RunRecord
from dl_magics.runs.report import page
from dl_magics.runs.state import RunState
from dl_magics.runs.summary import headline
from dl_magics.store import paths

_NAME = re.compile(r"\w[\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run in one line of the panel.

    `status` is "damaged" where the log cannot be read, with `error` and `fix`. `host` is "" for
    this computer, `host_ids` are the instances, or other hosts, of the run; `dollars` are what its
    instance cost while the run went on, by the price of `price_day`, `budget` what it may cost.
    """

    name: str
    n: int = 0
    status: str = ""
    headline: str = ""
    model: str = ""
    data: str = ""
    host: str = ""
    host_ids: tuple[str, ...] = ()
    dollars_per_hour: float | None = None
    price_day: str = ""
    phase: str = ""
    unit: str = ""
    done: int = 0
    total: int = 0
    images_per_second: float = 0.0
    seconds_left: float = 0.0
    seconds: float = 0.0
    dollars: float | None = None
    budget: float | None = None
    budget_reached: bool = False
    best: dict[str, Any] | None = None
    epochs: int = 0
    started_at: float = 0.0
    at: float = 0.0
    error: str = ""
    fix: str = ""
    stopping: bool = False
    has_report: bool = False

    @property
    def ended(self) -> bool:
        """Whether no event will follow, unless the run is resumed."""
        return self.status not in ("", "running")

    def to_json(self) -> dict[str, Any]:
        """Return values for JSON."""
        return asdict(self)


def list_folders(most: int) -> list[Path]:
    """Return the folders of the newest runs, newest first."""
    return list_newest_first(paths.data_folder("runs"))[:most]


def find_folder(name: str) -> Path:
    """Return the folder of the run with exactly this name; raise NoSuchRun if there is none."""
    folder = paths.data_folder("runs") / name
    if not _NAME.fullmatch(name) or not is_run(folder):
        raise NoSuchRun(f"No run is called {name!r}.", fix="%runs lists them.")
    return folder


def read_log_age(folder: Path) -> tuple[int, float]:
    """Return the size of a run's log and when it was written; zeros where it was removed."""
    try:
        found = (folder / log.FILE_NAME).stat()
    except OSError:
        return 0, 0.0
    return found.st_size, found.st_mtime


def summarize(record: RunRecord) -> RunSummary:
    """Return the summary of a run after what was appended to its log."""
    try:
        state = record.snapshot()
    except DamagedRun as error:
        return RunSummary(
            name=record.folder.name,
            n=record.state.n,
            status="damaged",
            headline=str(error),
            error=str(error),
            fix=error.fix,
        )
    return _summarize_state(record.folder, state)


def request_stop(folder: Path) -> RunSummary:
    """Ask a run to end at its next batch and to keep its best weights; return its summary.

    A run that has ended is left as it is.
    """
    record = RunRecord(folder)
    if not summarize(record).ended:
        stop_request.request_stop(folder)
    return summarize(record)


def needs_copying(folder: Path) -> bool:
    """Whether a run trains on a host while no process copies its events to this computer."""
    return remote_origin.is_running(folder) and not log.is_being_written(folder)


def find_report(folder: Path) -> Path | None:
    """Return the file of a run's report; None as long as there is none."""
    file = folder / page.FILE_NAME
    return file if file.is_file() else None


def list_events(record: RunRecord, since: int, most: int) -> Iterator[dict[str, Any]]:
    """Yield at most `most` events after the n-th, as JSON values."""
    record.refresh()
    following = (each.to_json() for each in record.events if each.n > since)
    yield from islice(following, most)


def _summarize_state(folder: Path, state: RunState) -> RunSummary:
    hourly = state.host.get("dollars_per_hour")
    dollars_per_hour = float(hourly) if isinstance(hourly, int | float) else None
    budget, best = state.recipe.get("budget"), state.best
    return RunSummary(
        name=folder.name,
        n=state.n,
        status=state.status,
        headline=headline(state),
        model=str(state.recipe.get("model", "")),
        data=str(state.recipe.get("data", "")),
        host=str(state.host.get("name", "")),
        host_ids=_list_host_ids(state),
        dollars_per_hour=dollars_per_hour,
        price_day=str(state.host.get("price_day", "")),
        phase=state.phase,
        unit=state.unit,
        done=state.done,
        total=state.total,
        images_per_second=state.images_per_second,
        seconds_left=state.seconds_left,
        seconds=state.seconds_running,
        dollars=state.dollars,
        budget=float(budget) if isinstance(budget, int | float) else None,
        budget_reached=any(each["code"] == "budget" for each in state.warnings),
        best=dict(best) if best else None,
        epochs=len(state.epochs),
        started_at=state.started_at,
        at=state.at,
        error=state.error,
        fix=state.fix,
        stopping=stop_request.is_stop_requested(folder),
        has_report=find_report(folder) is not None,
    )


def _list_host_ids(state: RunState) -> tuple[str, ...]:
    ids = state.host.get("ids")  # of a crew
    listed = ids if isinstance(ids, list | tuple) else [state.host.get("id", "")]
    return tuple(str(each) for each in listed if each)
