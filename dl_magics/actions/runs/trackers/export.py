"""Send the events of a run to trackers: while it trains, or afterwards from its log.

A tracker gets what the events of the log hold and nothing else. It is called in a thread, so a slow
network does not slow the run; one that fails is left out, which is said once.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from dl_magics.actions.runs.trackers.adapters import Tracker, flatten
from dl_magics.actions.runs.trackers.options import Chosen
from dl_magics.runs.events import EpochEnded, Event, RunEnded, RunResumed, RunStarted
from dl_magics.runs.state import RunState, replay_events
from dl_magics.training.run import Run

_SECONDS_TO_FINISH = 30.0
_LONGEST_ERROR = 200
_PASSWORD = re.compile(r"(?<=://)[^/\s]+@")

Say = Callable[[str], None]


class Sender:
    """Sends the events of one run to one tracker, in a thread of its own."""

    def __init__(self, chosen: Chosen, run: str, say: Say) -> None:
        self._chosen = chosen
        self._run = run
        self._say = say
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._failed = ""
        self._is_said = False
        self._thread = threading.Thread(target=self._work, name=chosen.option, daemon=True)
        self._thread.start()

    @property
    def has_failed(self) -> bool:
        return bool(self._failed)

    def send(self, event: Event) -> None:
        """Queue an event; say, once, that the tracker failed."""
        self._events.put(event)
        self._say_failure()

    def close(self) -> None:
        """Wait until all is sent, for half a minute at most."""
        self._events.put(None)
        self._thread.join(_SECONDS_TO_FINISH)
        if self._thread.is_alive():
            self._failed = f"no answer for {_SECONDS_TO_FINISH:.0f} s"
        self._say_failure()

    def _work(self) -> None:
        try:
            events = iter(self._events.get, None)
            send_events(self._chosen.kind.open(self._chosen.target), self._run, events)
        except (Exception, SystemExit) as error:
            # The tracker and its network may raise anything; the run goes on.
            lines = str(error).strip().splitlines() or [type(error).__name__]
            self._failed = _PASSWORD.sub("…@", lines[0])[:_LONGEST_ERROR]

    def _say_failure(self) -> None:
        if self._failed and not self._is_said:
            self._is_said = True
            again = f"%runs {self._run} {self._chosen.typed}"
            self._say(
                f"! {self._chosen.kind.name} gets no more of this run: {self._failed}\n"
                f"  The run is not affected. Its log has everything; send it afterwards: {again}"
            )


def send_live(
    events: Generator[Event, None, None], chosen: Sequence[Chosen], run: str, say: Say
) -> Generator[Event, None, None]:
    """Yield the events of a run that trains, and send each to the trackers."""
    senders = [Sender(each, run, say) for each in chosen]
    with closing(events):
        try:
            for event in events:
                for sender in senders:
                    sender.send(event)
                yield event
        finally:
            for sender in senders:
                sender.close()


def send_recorded(events: Sequence[Event], chosen: Sequence[Chosen], run: str, say: Say) -> bool:
    """Send the events of a log to the trackers; return whether all got them.

    What an interrupted run did again after it was resumed is sent once.
    """
    senders = [Sender(each, run, say) for each in chosen]
    for event in leave_out_repeated(events):
        for sender in senders:
            sender.send(event)
    for sender in senders:
        sender.close()
    return not any(sender.has_failed for sender in senders)


def send_runs(runs: Sequence[Run], chosen: Sequence[Chosen], say: Say) -> str:
    """Send the logs of these runs to the trackers; return a sentence about it."""
    sent = 0
    for run in runs:
        run.record.refresh()
        sent += send_recorded(run.record.events, chosen, run.name, say)
    views = "".join(f"\n{each.view}" for each in chosen)
    return f"{sent} of {len(runs)} runs sent.{views}"


def leave_out_repeated(events: Sequence[Event]) -> Iterator[Event]:
    """Yield the events but epochs that were run again; ends before the last one are left out."""
    kept = {each["epoch"] for each in replay_events(events).epochs}
    last = {each.epoch: each.n for each in events if isinstance(each, EpochEnded)}
    for event in events:
        if isinstance(event, EpochEnded) and (
            event.epoch not in kept or last[event.epoch] != event.n
        ):
            continue
        if isinstance(event, RunEnded) and event is not events[-1]:
            continue
        yield event


def send_events(tracker: Tracker, run: str, events: Iterable[Event]) -> None:
    """Send what the events say by the three calls of a tracker."""
    state = RunState()
    has_started = False
    for event in events:
        state = state.apply(event)
        if isinstance(event, (RunStarted, RunResumed)) and not has_started:
            tracker.start(run, describe_run(state), event.t)
            has_started = True
        elif isinstance(event, EpochEnded) and has_started:
            tracker.log(event.logs, event.epoch, event.t)
        elif isinstance(event, RunEnded) and has_started:
            if totals := describe_totals(state):
                tracker.log(totals, max(len(state.epochs), 1), event.t)
            tracker.finish(event.status, event.t)
            has_started = False
    if has_started:
        tracker.finish("interrupted", state.at)


def describe_run(state: RunState) -> dict[str, Any]:
    """Return the settings of a run, its images, device and versions; nothing of its host."""
    images = {f"images_{part}": sum(n.values()) for part, n in state.counts.items()}
    versions = {f"version_{name}": version for name, version in state.versions.items()}
    settings = {**state.recipe, "classes": len(state.classes), "device": state.device}
    return flatten({**settings, **images, **versions})


def describe_totals(state: RunState) -> Mapping[str, float]:
    """Return what is known at the end: seconds, dollars."""
    totals = {"seconds": state.seconds_running, "dollars": state.dollars}
    return {name: value for name, value in totals.items() if value}
