"""Watches the logs of the runs and pushes each run that has a new event."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dl_magics.actions.runs import overview
from dl_magics.actions.runs.overview import RunSummary
from dl_magics.core import money
from dl_magics.errors import DLMagicsError
from dl_magics.runs.record import RunRecord
from dl_magics.server import cells
from dl_magics.server.publisher import Publisher

MOST_RUNS = 100
"""Older runs are not listed; their logs stay."""

# The report of a run is written after its last event.
_SETTLING_SECONDS = 30.0
_NOTICES = {
    "done": ("run-done", "success"),
    "stopped": ("run-stopped", "info"),
    "failed": ("run-failed", "error"),
    "interrupted": ("run-interrupted", "warning"),
    "damaged": ("run-failed", "error"),
}


@dataclass(frozen=True, slots=True)
class _Known:
    """A summary and the log that it was made from: its size, and when it was written."""

    summary: RunSummary
    log: tuple[int, float]

    @property
    def is_settled(self) -> bool:
        """Whether nothing changes as long as the log does not grow."""
        is_old = time.time() - self.log[1] > _SETTLING_SECONDS
        return self.summary.ended and (self.summary.has_report or is_old)


class RunMonitor:
    """The summaries of the newest runs. All methods may be called from any thread."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._lock = threading.Lock()
        self._known: dict[str, _Known] | None = None
        # Of runs that go on: what they append is parsed once.
        self._records: dict[str, RunRecord] = {}

    def step(self) -> bool:
        """Look at all logs; return whether a run goes on."""
        return any(not each.ended for each in self.list_runs())

    def list_runs(self) -> list[RunSummary]:
        """Return the newest runs, the newest first, after a look at their logs."""
        with self._lock:
            before = self._known
            folders = overview.list_folders(MOST_RUNS)
            self._known = {
                folder.name: self._look(folder, (before or {}).get(folder.name))
                for folder in folders
            }
            if before is not None:
                self._publish_changes(before, self._known)
            return [each.summary for each in self._known.values()]

    def stop(self, name: str) -> dict[str, Any]:
        """Ask a run to end at its next batch; return it with the keys of the contract's `Run`.

        Where it trains on a host and no notebook copies its events any more, this server connects
        to the host, passes the request on, and copies the rest.
        """
        folder = overview.find_folder(name)
        stopping = overview.request_stop(folder)
        if stopping.stopping and overview.needs_copying(folder):
            threading.Thread(
                target=self._copy, args=(folder,), name=f"dl_magics {name}", daemon=True
            ).start()
        self.list_runs()
        return describe_run(stopping)

    def _copy(self, folder: Path) -> None:
        from dl_magics.actions.runs import runs
        from dl_magics.training.run import Run

        try:
            for _ in runs.follow(Run(folder)):
                pass
        except DLMagicsError as error:
            message = f"{folder.name} could not be stopped: {error}"
            self._publisher.notify(
                "action-failed", "error", message, fix=error.fix, run=folder.name
            )

    def _look(self, folder: Path, known: _Known | None) -> _Known:
        log = overview.read_log_age(folder)
        if known and known.log == log and known.is_settled:
            self._records.pop(folder.name, None)
            return known
        record = self._records.setdefault(folder.name, RunRecord(folder))
        looked = _Known(overview.summarize(record), log)
        if looked.is_settled:
            del self._records[folder.name]
        return looked

    def _publish_changes(self, before: dict[str, _Known], now: dict[str, _Known]) -> None:
        for name, known in now.items():
            earlier = before[name].summary if name in before else None
            if known.summary == earlier:
                continue
            self._publisher.publish("run", describe_run(known.summary))
            if known.summary.budget_reached and earlier and not earlier.budget_reached:
                self._notify_budget(known.summary)
            if known.summary.ended and earlier and not earlier.ended:
                self._notify(known.summary)

    def _notify_budget(self, run: RunSummary) -> None:
        budget = money.format_dollars(run.budget)
        message = f"The run {run.name} ends by its budget of {budget}, with its best weights."
        self._publisher.notify("budget-reached", "info", message, run=run.name)

    def _notify(self, run: RunSummary) -> None:
        kind, level = _NOTICES[run.status]
        dollars = money.add_day(money.format_dollars(run.dollars), run.price_day)
        cost = f", {dollars}" if run.dollars is not None else ""
        problem = f" {run.error}" if run.error and run.status != "damaged" else ""
        message = f"{run.headline}{cost}{problem}"
        self._publisher.notify(kind, level, message, fix=run.fix, run=run.name)


def describe_run(run: RunSummary) -> dict[str, Any]:
    """Return a run with the keys of the contract's `Run`."""
    return {**run.to_json(), "cells": cells.run_cells(run.name)}
