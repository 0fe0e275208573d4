"""Events and logs of runs, for tests that do not train."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Literal

from hypothesis import strategies as st

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
    stamp_events,
)
from dl_magics.runs.log import LogWriter
from dl_magics.runs.remote_origin import RemoteOrigin

ORIGIN = RemoteOrigin(
    host={"alias": "i-0", "name": "gpu", "identity": None},
    python="",
    activate="",
    kernel_folder="",
    msg_id="",
    since=0,
    run_folder="run",
    is_complete=True,
)

LOGS = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


def started(classes: Sequence[str] = ("cats", "dogs"), **recipe: Any) -> RunStarted:
    return RunStarted(
        run="2026-11-22_235400_vgg16_dogscats",
        recipe={"model": "VGG16", "data": "photos/dogscats", "epochs": 5, **recipe},
        classes=list(classes),
        counts={
            "train": dict.fromkeys(classes, 8),
            "valid": dict.fromkeys(classes, 2),
        },
        host={"local": True},
        versions={"dl_magics": "0.1.0", "keras": "3.15.1"},
        device="CPU (x86_64, 2 cores)",
    )


def epoch(
    n: int, loss: float = 0.5, best: bool = True, phase: Literal["head", "unfrozen"] = "head"
) -> EpochEnded:
    logs = {"loss": loss, "accuracy": 0.9, "val_loss": loss, "val_accuracy": 0.8}
    return EpochEnded(phase=phase, epoch=n, logs={**logs, "learning_rate": 1e-3}, best=best)


def resumed(at: int, epoch: int = 1, batches: int = 0) -> RunResumed:
    return RunResumed(
        interrupted_at=at,
        epoch=epoch,
        batches=batches,
        host={"local": False, "name": "gpu"},
        versions={"dl_magics": "0.1.0", "keras": "3.16.0"},
        device="Tesla T4",
    )


def make_events(*middle: Event, ended: RunEnded | None = None, **about: Any) -> list[Event]:
    """Return the events of a run; without `ended` it is still running."""
    end = [ended] if ended else []
    return stamp([started(**about), *middle, *end])


def stamp(events: Iterable[Event]) -> list[Event]:
    """Number events and give them times, half a second apart."""
    return list(stamp_events(events, count(1.6e9, 0.5).__next__))


def write_log(folder: Path, events: Sequence[Event]) -> Path:
    """Write the log of a run, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with LogWriter(folder) as lines:
        for event in events:
            lines.append(event)
    return folder


_number = st.floats(allow_nan=True, allow_infinity=True, width=32)
_count = st.integers(0, 10**6)
_text = st.text(max_size=20)
_sha256 = st.text("0123456789abcdef", min_size=64, max_size=64)

_events = {
    RunStarted: st.builds(
        started, st.lists(_text, min_size=1, max_size=3, unique=True), data=_text
    ),
    DataChecked: st.builds(
        DataChecked,
        images=_count,
        skipped=st.lists(st.fixed_dictionaries({"path": _text, "reason": _text}), max_size=3),
    ),
    PhaseStarted: st.builds(
        PhaseStarted,
        phase=st.sampled_from(["features", "head", "unfrozen", "evaluate"]),
        total=_count,
        unit=st.sampled_from(["images", "epochs"]),
        kept=_count,
    ),
    Progressed: st.builds(
        Progressed, done=_count, total=_count, images_per_second=_number, seconds_left=_number
    ),
    EpochEnded: st.builds(
        EpochEnded,
        phase=st.just("head"),
        epoch=st.integers(1, 1000),
        logs=st.fixed_dictionaries(dict.fromkeys(LOGS, _number)),
        best=st.booleans(),
    ),
    CheckpointSaved: st.builds(CheckpointSaved, path=_text, sha256=_sha256, size=_count),
    RunResumed: st.builds(resumed, _count, st.integers(1, 1000), _count),
    Warned: st.builds(Warned, code=_text, text=_text, fix=_text),
    RunEnded: st.builds(
        RunEnded,
        status=st.sampled_from(["done", "stopped", "failed", "interrupted"]),
        best_epoch=st.none() | _count,
        best=st.dictionaries(_text, _number, max_size=2),
        files=st.dictionaries(_text, _sha256, max_size=2),
        seconds=st.dictionaries(_text, st.floats(0, 1e6), max_size=3),
        error=_text,
        fix=_text,
    ),
}


def events(*left_out: type[Event]) -> st.SearchStrategy[Event]:
    """Any event except of the given kinds."""
    return st.one_of(*(each for kind, each in _events.items() if kind not in left_out))


def event_lists() -> st.SearchStrategy[list[Event]]:
    """The events of any run: a start, events in any order, and perhaps an end."""
    middle = st.lists(events(RunStarted, RunEnded), max_size=14)
    end = st.lists(_events[RunEnded], max_size=1)
    return st.builds(
        lambda first, then, last: stamp([first, *then, *last]),
        _events[RunStarted],
        middle,
        end,
    )
