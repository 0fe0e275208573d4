"""The events of a run: what the engine yields and what the log holds, one class for each kind."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal

Phase = Literal["features", "head", "unfrozen", "evaluate"]
Status = Literal["done", "stopped", "failed", "interrupted"]
Logs = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of a run's log.

    `n` counts from 1 without gaps, `t` is in seconds since the epoch. The engine leaves both at
    zero; `stamp_events` sets them.
    """

    kind: ClassVar[str]
    n: int = 0
    t: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the event and its `kind` as JSON types."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"n": values.pop("n"), "t": values.pop("t"), "kind": self.kind, **values}


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """What is trained on what, where, and with which versions.

    `compute` holds the number of threads, the instruction set and the backend flags.
    """

    kind: ClassVar[str] = "run_started"
    run: str
    recipe: Mapping[str, Any]
    classes: list[str]
    counts: Mapping[str, Mapping[str, int]]
    host: Mapping[str, Any]
    versions: Mapping[str, str]
    device: str
    compute: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunResumed(Event):
    """An interrupted run continues at its last checkpoint, after `batches` batches of `epoch`.

    `interrupted_at` is the number of the last event before. Epochs from `epoch` on appear again.
    """

    kind: ClassVar[str] = "run_resumed"
    interrupted_at: int
    epoch: int
    batches: int
    host: Mapping[str, Any]
    versions: Mapping[str, str]
    device: str
    compute: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DataChecked(Event):
    """The number of images and the files that were skipped, each `{"path": …, "reason": …}`."""

    kind: ClassVar[str] = "data_checked"
    images: int
    skipped: list[Mapping[str, str]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class PhaseStarted(Event):
    """A phase begins; `total` is its number of images or epochs, see `unit`.

    `kept` of them were already done by an earlier run.
    """

    kind: ClassVar[str] = "phase_started"
    phase: Phase
    total: int
    unit: Literal["images", "epochs"]
    kept: int = 0


@dataclass(frozen=True, kw_only=True)
class Progressed(Event):
    """Progress within the phase, at most four times a second."""

    kind: ClassVar[str] = "progressed"
    done: int
    total: int
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True, kw_only=True)
class EpochEnded(Event):
    """The metrics of one epoch; `best` is true if its weights are the best so far."""

    kind: ClassVar[str] = "epoch_ended"
    phase: Phase
    epoch: int
    logs: Logs
    best: bool


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    """A file was saved: the model, or the checkpoint from which an interrupted run is resumed."""

    kind: ClassVar[str] = "checkpoint_saved"
    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Warned(Event):
    """A problem that does not stop the run: its code, a description and how to fix it."""

    kind: ClassVar[str] = "warned"
    code: str
    text: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class RunEnded(Event):
    """The run ended; only the RunResumed of an interrupted run may follow.

    `files` maps the names of the saved files to their sha256, `seconds` the phases to their
    duration. `error` and `fix` are set if the run failed.
    """

    kind: ClassVar[str] = "run_ended"
    status: Status
    best_epoch: int | None = None
    best: Logs = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    fix: str = ""


KINDS: dict[str, type[Event]] = {
    each.kind: each
    for each in (
        RunStarted,
        RunResumed,
        DataChecked,
        PhaseStarted,
        Progressed,
        EpochEnded,
        CheckpointSaved,
        Warned,
        RunEnded,
    )
}


def parse_event(values: Mapping[str, Any]) -> Event:
    """Return the event that `to_json` was called on.

    Unknown fields are ignored, so that this version can read the log of a newer one. Raises
    KeyError for an unknown kind and TypeError if a field is missing.
    """
    kind = KINDS[values["kind"]]
    known = {each.name for each in fields(kind)}
    return kind(**{key: value for key, value in values.items() if key in known})


def format_line(event: Event) -> str:
    """Return the event as one line of `events.jsonl`, with its newline."""
    return json.dumps(event.to_json(), ensure_ascii=False, separators=(",", ":")) + "\n"


def stamp_events(
    events: Iterable[Event], clock: Callable[[], float] = time.time, since: int = 0
) -> Iterator[Event]:
    """Set the number and the time of each event; the first one gets the number `since` + 1."""
    for n, event in enumerate(events, start=since + 1):
        yield replace(event, n=n, t=clock())
