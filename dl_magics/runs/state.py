"""The state of a run after its events so far: what widgets, summaries and reports show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from dl_magics.runs.events import (
    CheckpointSaved,
    DataChecked,
    EpochEnded,
    Event,
    PhaseStarted,
    Progressed,
    RunEnded,
    RunResumed,
    RunStarted,
    Warned,
)
from dl_magics.runs.field_rules import total_price

# Notes about what goes on at the start of a run: over when its first phase starts.
_UNTIL_NEXT_PHASE = ("fetching_weights", "finding_batch_size")
# A note about what is being stored: over when that phase is.
STORING = "storing_activations"


@dataclass(frozen=True)
class RunState:
    """The state of a run after its `n`-th event.

    `status` is "" before the run started and "running" until it ended. `epochs` holds {"epoch",
    "phase", "logs", "best"} of each epoch, counted over all phases: `epochs_before` of them are
    those of earlier phases than the present one. `digests` identify the images of each part,
    `found` also with those that were left out. `resumed` holds {"interrupted_at", "epoch",
    "batches"} of each time that it was resumed, `sizes` the bytes of each file that it saved,
    `seconds_paused` the time between interruption and resumption, `dollars_before` what the run
    cost until it was resumed on its present host; `at` is the time of the last event, in seconds
    since the epoch like `started_at`. `workers` is what each worker of a crew has done.
    """

    n: int = 0
    run: str = ""
    status: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    host: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    compute: Mapping[str, Any] = field(default_factory=dict)
    phase: str = ""
    unit: str = ""
    done: int = 0
    total: int = 0
    kept: int = 0
    images_per_second: float = 0.0
    seconds_left: float = 0.0
    workers: tuple[Mapping[str, Any], ...] = ()
    epochs: tuple[Mapping[str, Any], ...] = ()
    epochs_before: int = 0
    skipped: tuple[Mapping[str, str], ...] = ()
    gray: tuple[float, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    found: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Mapping[str, str], ...] = ()
    resumed: tuple[Mapping[str, int], ...] = ()
    started_at: float = 0.0
    at: float = 0.0
    seconds_paused: float = 0.0
    dollars_before: float = 0.0
    seconds_before: float = 0.0
    seconds: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    error: str = ""
    fix: str = ""

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The best epoch so far, as in `epochs`."""
        return next((each for each in reversed(self.epochs) if each["best"]), None)

    @property
    def epochs_asked(self) -> int:
        """The number of epochs that the recipe asks for; training may end earlier."""
        if self.phase == "unfrozen" and self.unit == "epochs":
            return self.epochs_before + self.total
        tunes = self.recipe.get("unfreeze") or self.recipe.get("lora_rank")
        more = self.recipe.get("unfreeze_epochs", 0) if tunes else 0
        return int(self.recipe.get("epochs", 0)) + int(more)

    @property
    def ended(self) -> bool:
        return self.status not in ("", "running")

    @property
    def seconds_running(self) -> float:
        """The seconds up to the last event, without those while it was interrupted."""
        if not self.started_at:
            return 0.0
        return max(self.at - self.started_at - self.seconds_paused, 0.0)

    @property
    def dollars(self) -> float | None:
        """What its instances cost while the run went on; None without one or without its price."""
        if (price := self.host.get("dollars_per_hour")) is None:
            return self.dollars_before or None
        seconds = max(self.seconds_running - self.seconds_before, 0.0)
        return self.dollars_before + float(price) * seconds / 3600

    @property
    def price_day(self) -> str:
        """The day of the price in `dollars`, "" if it is unknown."""
        return str(self.host.get("price_day", ""))

    def apply(self, event: Event) -> RunState:
        """Return the state after one more event."""
        return replace(self, n=event.n, at=event.t, **self._changes(event))

    def _changes(self, event: Event) -> dict[str, Any]:
        match event:
            case RunStarted():
                return {
                    "status": "running",
                    "started_at": event.t,
                    "run": event.run,
                    "recipe": event.recipe,
                    "classes": tuple(event.classes),
                    "counts": event.counts,
                    "host": event.host,
                    "versions": event.versions,
                    "device": event.device,
                    "compute": event.compute,
                }
            case RunResumed():
                return self._resumed(event)
            case DataChecked():
                return {
                    "skipped": tuple(event.skipped),
                    "gray": tuple(event.gray),
                    "digests": event.digests,
                    "found": event.found or event.digests,
                }
            case PhaseStarted():
                return {
                    "phase": event.phase,
                    "unit": event.unit,
                    "total": event.total,
                    "done": event.kept,
                    "kept": event.kept,
                    "epochs_before": max(len(self.epochs) - event.kept, 0)
                    if event.unit == "epochs"
                    else self.epochs_before,
                    "images_per_second": 0.0,
                    "seconds_left": 0.0,
                    "warnings": tuple(
                        each
                        for each in self.warnings
                        if each["code"] not in _UNTIL_NEXT_PHASE
                        and (each["code"] != STORING or event.phase == "features")
                    ),
                }
            case Progressed():
                return {
                    **self._count_workers(event),
                    "done": event.done,
                    "total": event.total,
                    "images_per_second": event.images_per_second,
                    "seconds_left": event.seconds_left,
                }
            case EpochEnded():
                ended = {
                    "epoch": event.epoch,
                    "phase": event.phase,
                    "logs": event.logs,
                    "best": event.best,
                }
                done = max(event.epoch - self.epochs_before, 0)
                return {"epochs": (*self.epochs, ended), "done": done}
            case CheckpointSaved():
                return {"sizes": {**self.sizes, event.path: event.size}}
            case Warned():
                warning = {"code": event.code, "text": event.text, "fix": event.fix}
                return {"warnings": (*self.warnings, warning)}
            case RunEnded():
                about = {"run": event.run, "recipe": event.recipe, "host": event.host}
                return {
                    **({} if self.started_at else about),
                    "status": event.status,
                    "seconds": event.seconds,
                    "files": event.files,
                    "error": event.error,
                    "fix": event.fix,
                    "seconds_left": 0.0,
                }
        return {}

    def _count_workers(self, event: Progressed) -> dict[str, Any]:
        """Keep what a crew costs from now on: workers come and go."""
        if not event.workers:
            return {}
        changes: dict[str, Any] = {"workers": tuple(event.workers)}
        price = total_price(event.workers)
        if price in (None, self.host.get("dollars_per_hour")):
            return changes
        return {
            **changes,
            "dollars_before": self.dollars or 0.0,
            "seconds_before": self.seconds_running,
            "host": {**self.host, "dollars_per_hour": price},
        }

    def _resumed(self, event: RunResumed) -> dict[str, Any]:
        """Remove what the resumed run reports again: epochs after the checkpoint, and warnings."""
        resumption = {
            "interrupted_at": event.interrupted_at,
            "epoch": event.epoch,
            "batches": event.batches,
        }
        return {
            "status": "running",
            "resumed": (*self.resumed, resumption),
            "epochs": tuple(each for each in self.epochs if each["epoch"] < event.epoch),
            "warnings": (),
            "seconds_paused": self.seconds_paused + max(event.t - self.at, 0.0),
            "dollars_before": self.dollars or 0.0,
            "seconds_before": self.seconds_running,
            "host": event.host,
            "versions": event.versions,
            "device": event.device,
            "seconds": {},
            "files": {},
            "error": "",
            "fix": "",
        }

    def to_json(self) -> dict[str, Any]:
        """Return the fields and `best` as JSON types."""
        return {**asdict(self), "best": self.best}


def replay_events(events: Iterable[Event]) -> RunState:
    """Return the state after all these events."""
    state = RunState()
    for event in events:
        state = state.apply(event)
    return state
