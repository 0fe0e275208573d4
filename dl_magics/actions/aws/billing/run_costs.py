"""What the runs of a month cost, each by its own log."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass

from dl_magics.core import money
from dl_magics.errors import DamagedRun
from dl_magics.runs import log
from dl_magics.runs.paths import list_newest_first
from dl_magics.runs.record import RunRecord
from dl_magics.runs.state import RunState
from dl_magics.store import paths


@dataclass(frozen=True, slots=True)
class RunCost:
    """The share of a run in the running time of its instance."""

    name: str
    instance: str
    seconds: float
    dollars: float | None
    price_day: str

    def cells(self) -> tuple[str, ...]:
        """Return the cells of its row."""
        return (
            self.name,
            self.instance,
            money.format_duration(self.seconds),
            money.format_dollars(self.dollars),
            self.price_day or "-",
        )


def list_costs(instance_ids: Collection[str], begin: float) -> Iterator[RunCost]:
    """Yield the cost of each run on these instances that ended after `begin`, newest first."""
    for folder in list_newest_first(paths.data_folder("runs")):
        if (folder / log.FILE_NAME).stat().st_mtime < begin:
            continue
        # %runs lists what cannot be read.
        with suppress(DamagedRun):
            state = RunRecord(folder).refresh()
            if not set(instance_ids).isdisjoint(_list_ids(state)):
                yield _cost_of(folder.name, state)


def _list_ids(state: RunState) -> list[str]:
    """Return the ids of the instances of a run: of its host, or of its crew."""
    listed = state.host.get("ids")
    ids = listed if isinstance(listed, list) else [state.host.get("id")]
    return [each for each in ids if isinstance(each, str)]


def _cost_of(name: str, state: RunState) -> RunCost:
    return RunCost(
        name,
        str(state.host.get("name", "")),
        state.seconds_running,
        state.dollars,
        state.price_day,
    )
