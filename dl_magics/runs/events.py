"""The events of a run: what the engine yields and what the log holds, one class for each kind."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, ClassVar, get_type_hints

from dl_magics.runs import field_rules as rules
from dl_magics.runs.field_rules import Rule

_LONGEST_QUOTE = 60


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of a run's log.

    `n` counts from 1 without gaps, `t` is in seconds since the epoch. The engine leaves both at
    zero; `stamp_events` sets them.
    """

    kind: ClassVar[str]
    n: rules.Count = 0
    t: rules.Seconds = 0.0

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
    run: rules.Text
    recipe: rules.Recipe
    classes: rules.Names
    counts: rules.Counts
    host: rules.Host
    versions: rules.Texts
    device: rules.Text
    compute: rules.Values = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunResumed(Event):
    """An interrupted run continues at its last checkpoint, after `batches` batches of `epoch`.

    `interrupted_at` is the number of the last event before. Epochs from `epoch` on appear again.
    """

    kind: ClassVar[str] = "run_resumed"
    interrupted_at: rules.Count
    epoch: rules.Position
    batches: rules.Count
    host: rules.Host
    versions: rules.Texts
    device: rules.Text
    compute: rules.Values = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DataChecked(Event):
    """The number of images and the files that were skipped, each `{"path": …, "reason": …}`.

    `gray` has the values that became black and white in grayscale of more than 8 bits; it is empty
    where there is none. `digests` has the sha256 of the images and labels of train and of valid,
    `found` with those that could not be decoded, or that a budget left out.
    """

    kind: ClassVar[str] = "data_checked"
    images: rules.Count
    skipped: rules.Skipped = field(default_factory=list)
    gray: rules.Range = field(default_factory=list)
    digests: rules.Files = field(default_factory=dict)
    found: rules.Files = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PhaseStarted(Event):
    """A phase begins; `total` is its number of images or epochs, see `unit`.

    `kept` of them were already done by an earlier run.
    """

    kind: ClassVar[str] = "phase_started"
    phase: rules.PhaseName
    total: rules.Count
    unit: rules.UnitName
    kept: rules.Count = 0


@dataclass(frozen=True, kw_only=True)
class Progressed(Event):
    """Progress within the phase, at most four times a second.

    `workers` is what each worker of a crew has done: its name, state, images, speed and cost; it is
    empty without a crew.
    """

    kind: ClassVar[str] = "progressed"
    done: rules.Count
    total: rules.Count
    images_per_second: rules.Number
    seconds_left: rules.Number
    workers: rules.Workers = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class EpochEnded(Event):
    """The metrics of one epoch; `best` is true if its weights are the best so far."""

    kind: ClassVar[str] = "epoch_ended"
    phase: rules.PhaseName
    epoch: rules.Position
    logs: rules.Logs
    best: rules.Flag


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    """A file was saved: the model, or the checkpoint from which an interrupted run is resumed.

    `size` is in bytes. `identity` is set with the first checkpoint: the sha256 of the images and of
    the weights that the run trains on.
    """

    kind: ClassVar[str] = "checkpoint_saved"
    path: rules.Text
    sha256: rules.Sha256
    size: rules.Count = 0
    identity: rules.Texts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Warned(Event):
    """A problem that does not stop the run: its code, a description and how to fix it."""

    kind: ClassVar[str] = "warned"
    code: rules.Text
    text: rules.Text
    fix: rules.Text


@dataclass(frozen=True, kw_only=True)
class RunEnded(Event):
    """The run ended; only the RunResumed of an interrupted run may follow.

    `files` maps the names of the saved files to their sha256, `seconds` the phases to their
    duration. `dollars` are what its instance cost meanwhile, by the price of `price_day`; None if
    it ran on none, or the price is unknown. `error` and `fix` are set if the run failed; `run`,
    `recipe` and `host` if it failed before it started.
    """

    kind: ClassVar[str] = "run_ended"
    status: rules.StatusName
    best_epoch: rules.OptionalCount = None
    best: rules.Numbers = field(default_factory=dict)
    files: rules.Files = field(default_factory=dict)
    seconds: rules.Durations = field(default_factory=dict)
    dollars: rules.OptionalAmount = None
    price_day: rules.Text = ""
    error: rules.Text = ""
    fix: rules.Text = ""
    run: rules.Text = ""
    recipe: rules.Recipe = field(default_factory=dict)
    host: rules.Host = field(default_factory=dict)


KINDS: dict[str, type[Event]] = {each.kind: each for each in Event.__subclasses__()}


def parse_event(values: Any) -> Event:
    """Return the event that `to_json` was called on.

    Unknown fields are ignored, so that this version can read the log of a newer one. Raises
    ValueError where the kind is unknown, or where a field is missing or breaks its rule.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"an event is an object, not {_shorten(values)}")
    name = values.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        raise ValueError(f"there is no event of the kind {_shorten(name)}")
    kind, checks = KINDS[name], _rules(name)
    known = {key: value for key, value in values.items() if key in checks}
    for key, value in known.items():
        if not checks[key].accepts(value):
            raise ValueError(f"{key} of {name} must be {checks[key].words}, not {_shorten(value)}")
    try:
        return kind(**known)
    except TypeError as error:
        raise ValueError(str(error)) from error


def parse_line(line: bytes | str) -> Event:
    """Return the event of one line of `events.jsonl`; raises ValueError as `parse_event`."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {_shorten(line)}") from error
    return parse_event(values)


def report_invalid(problem: ValueError, n: int) -> Warned:
    """Return the event that takes the place of one that is not valid, with its number."""
    return Warned(
        n=n,
        t=time.time(),
        code="invalid_event",
        text=f"Event {n} of the host is not valid and is not shown: {problem}",
        fix="Check that the host runs what you expect; its log: %aws_ssh ls .dl_magics/runs",
    )


@cache
def _rules(name: str) -> dict[str, Rule]:
    """Return the rule of each field of a kind of event."""
    hints = get_type_hints(KINDS[name], include_extras=True)
    return {each.name: hints[each.name].__metadata__[0] for each in fields(KINDS[name])}


def _shorten(value: Any) -> str:
    return repr(value)[:_LONGEST_QUOTE]


def format_line(event: Event) -> str:
    """Return the event as one line of `events.jsonl`, with its newline."""
    return json.dumps(event.to_json(), ensure_ascii=False, separators=(",", ":")) + "\n"


def stamp_events(
    events: Iterable[Event], clock: Callable[[], float] = time.time, since: int = 0
) -> Iterator[Event]:
    """Set the number and the time of each event; the first one gets the number `since` + 1."""
    for n, event in enumerate(events, start=since + 1):
        yield replace(event, n=n, t=clock())
