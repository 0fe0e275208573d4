"""The events of a run: what the engine tells, and all that anyone ever knows of a run."""

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

    `n` counts from 1 without gaps; `t` is in seconds since the epoch. The engine leaves both at
    zero, `stamped` sets them.
    """

    kind: ClassVar[str]
    n: int = 0
    t: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the event as plain values, `kind` among them."""
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
    """An interrupted run goes on where its last checkpoint is: `batches` of `epoch` were done.

    `interrupted_at` is the number of the last event before. Epochs from `epoch` on are told again.
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
    """Which files were skipped; each is `{"path": …, "reason": …}`."""

    kind: ClassVar[str] = "data_checked"
    images: int
    skipped: list[Mapping[str, str]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class PhaseStarted(Event):
    """A phase begins; `total` counts images or epochs, as `unit` says.

    `kept` of the total were already done by an earlier run.
    """

    kind: ClassVar[str] = "phase_started"
    phase: Phase
    total: int
    unit: Literal["images", "epochs"]
    kept: int = 0


@dataclass(frozen=True, kw_only=True)
class Progressed(Event):
    """How far the phase is; at most four a second."""

    kind: ClassVar[str] = "progressed"
    done: int
    total: int
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True, kw_only=True)
class EpochEnded(Event):
    """The numbers of one epoch; `best` says whether its weights are the best so far."""

    kind: ClassVar[str] = "epoch_ended"
    phase: Phase
    epoch: int
    logs: Logs
    best: bool


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    """A file with weights is on disk: the model, or all that an interrupted run needs to go on."""

    kind: ClassVar[str] = "checkpoint_saved"
    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Warned(Event):
    """Something that does not stop the run, and what to do about it."""

    kind: ClassVar[str] = "warned"
    code: str
    text: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class RunEnded(Event):
    """How the run ended; nothing follows, but where it was interrupted and goes on.

    `files` maps the names of the run's files to their sha256, `seconds` the phases to their
    duration; `error` and `fix` are there where it failed.
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

    Keys that this version does not know are left out, so that an older version reads the log of
    a newer one. Raises KeyError for an unknown kind and TypeError where a value is missing.
    """
    kind = KINDS[values["kind"]]
    known = {each.name for each in fields(kind)}
    return kind(**{key: value for key, value in values.items() if key in known})


def format_line(event: Event) -> str:
    """Return the event as one line of `events.jsonl`."""
    return json.dumps(event.to_json(), ensure_ascii=False, separators=(",", ":")) + "\n"


def stamp_events(
    events: Iterable[Event], clock: Callable[[], float] = time.time, since: int = 0
) -> Iterator[Event]:
    """Number the events that follow the first `since`, and give each its time."""
    for n, event in enumerate(events, start=since + 1):
        yield replace(event, n=n, t=clock())
