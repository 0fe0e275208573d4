"""Show a run while it goes on, and leave a still picture that needs no kernel."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from IPython.display import DisplayHandle, display

from dl_magics.actions.runs import runs
from dl_magics.runs import summary
from dl_magics.runs.events import Event
from dl_magics.runs.state import RunState
from dl_magics.training.run import Run

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_SECONDS_BETWEEN = 0.25


class Screen(Protocol):
    """Where a run is drawn: `show` each state, then `close` with the last."""

    def show(self, state: RunState) -> None: ...

    def close(self, state: RunState) -> None: ...


def watch(events: Iterable[Event], screen: Screen) -> RunState:
    """Draw a run on a screen as its events come; return its last state.

    However it ends, the screen is closed: what is left is a still picture.
    """
    state = RunState()
    try:
        for event in events:
            state = state.apply(event)
            screen.show(state)
    finally:
        screen.close(state)
    return state


def attach(run: Run, screen: Screen) -> RunState:
    """Draw a run from its first event on, whoever trains it; return its last state.

    Of many events that come at once a screen draws few: it is shown the last of them again while
    no other comes.
    """
    again = _Again(screen)

    def wait(seconds: float) -> None:
        again.show(again.state)
        time.sleep(seconds)

    return watch(runs.follow(run, sleep=wait), again)


class _Again:
    """A screen that knows the state that it was shown last."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.state = RunState()

    def show(self, state: RunState) -> None:
        self.state = state
        self._screen.show(state)

    def close(self, state: RunState) -> None:
        self._screen.close(state)


def screen_for(shell: InteractiveShell, live: str, watched: Run | None = None) -> Screen:
    """Return the screen for a shell: a widget, a plain output that is redrawn, or lines of text."""
    if getattr(shell, "kernel", None) is None:
        return Lines()
    return WidgetScreen(watched) if live == "widget" else PlainScreen()


class WidgetScreen:
    """The live widget, replaced by the still picture at the end."""

    def __init__(self, watched: Run | None = None) -> None:
        from dl_magics.widgets.run import RunWidget

        on_stop = (lambda: runs.request_stop(watched)) if watched else None
        self._widget: Any = RunWidget(on_stop=on_stop)
        self._widget.show(RunState())
        self._handle = display(self._widget, display_id=True)

    def show(self, state: RunState) -> None:
        self._widget.show(state)

    def close(self, state: RunState) -> None:
        _still(self._handle, state)
        self._widget.close()


class PlainScreen:
    """The still picture, redrawn: for a front end without widgets."""

    def __init__(self) -> None:
        self._handle = display({"text/plain": "Starting …"}, raw=True, display_id=True)
        self._next = 0.0

    def show(self, state: RunState) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _SECONDS_BETWEEN
        shown = f"{summary.headline(state)}\n{state.phase}: {state.done} of {state.total}"
        self._handle.update({"text/plain": shown}, raw=True)

    def close(self, state: RunState) -> None:
        _still(self._handle, state)


class Lines:
    """One line for each phase and epoch: for a terminal."""

    def __init__(self) -> None:
        self._phase = ""
        self._epochs = 0

    def show(self, state: RunState) -> None:
        if state.phase != self._phase:
            self._phase = state.phase
            print(f"{state.phase}: {state.done} of {state.total} {state.unit}", flush=True)
        for each in state.epochs[self._epochs :]:
            print(summary.format_epoch(each), flush=True)
        self._epochs = max(self._epochs, len(state.epochs))

    def close(self, state: RunState) -> None:
        if state.started_at:
            print(summary.headline(state), flush=True)


def _still(handle: DisplayHandle, state: RunState) -> None:
    if state.started_at:
        handle.update(summary.mime_bundle(state), raw=True)
    else:
        handle.update({"text/plain": "Nothing was started."}, raw=True)
