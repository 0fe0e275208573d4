"""Show a run while it trains, and leave an output that needs no kernel when it has ended."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from dl_magics.actions.runs import runs
from dl_magics.magics.display.updatable import UpdatableDisplay, server_runs_cells
from dl_magics.runs import summary
from dl_magics.runs.events import Event
from dl_magics.runs.state import RunState
from dl_magics.training.run import Run

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_SECONDS_BETWEEN = 0.25


class Screen(Protocol):
    """Displays a run: `show` is called with each state, then `close` with the last one."""

    def show(self, state: RunState) -> None: ...

    def close(self, state: RunState) -> None: ...


def watch(events: Iterable[Event], screen: Screen, before: RunState | None = None) -> RunState:
    """Show a run while its events arrive; return its last state.

    `before` is the state before the events. The screen is always closed, also after an error, and
    leaves a static output.
    """
    state, shown = before or RunState(), RunState()
    try:
        for event in events:
            shown = state = state.apply(event)
            screen.show(shown)
    finally:
        screen.close(shown)
    return shown


def attach(run: Run, screen: Screen) -> RunState:
    """Show a run of any process from its first event on; return its last state.

    A screen skips states that follow each other fast. The last state is therefore shown again
    while the log does not grow.
    """
    repeating = _RepeatingScreen(screen)

    def wait(seconds: float) -> None:
        repeating.show_again()
        time.sleep(seconds)

    return watch(runs.follow(run, sleep=wait), repeating)


class _RepeatingScreen:
    """A screen that remembers the last state."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._state = RunState()

    def show(self, state: RunState) -> None:
        self._state = state
        self._screen.show(state)

    def show_again(self) -> None:
        self._screen.show(self._state)

    def close(self, state: RunState) -> None:
        self._screen.close(state)


def screen_for(shell: InteractiveShell, live: str, watched: Run | None = None) -> Screen:
    """Return the screen for a shell: a widget, a text that is updated, or lines in a terminal.

    Where the Jupyter server runs the cells, front ends may not show widgets.
    """
    if getattr(shell, "kernel", None) is None:
        return LineScreen()
    if live == "widget" and not server_runs_cells(shell):
        return WidgetScreen(shell, watched)
    return PlainScreen(shell)


class WidgetScreen:
    """The live widget, replaced by a static output at the end."""

    def __init__(self, shell: InteractiveShell, watched: Run | None = None) -> None:
        from dl_magics.widgets.run import RunWidget

        on_stop = (lambda: runs.request_stop(watched)) if watched else None
        self._widget: Any = RunWidget(on_stop=on_stop)
        self._widget.show(RunState())
        self._display = UpdatableDisplay(shell)
        self._display.show(self._widget)

    def show(self, state: RunState) -> None:
        self._widget.show(state)

    def close(self, state: RunState) -> None:
        _show_static(self._display, state)
        self._widget.close()


class PlainScreen:
    """Text that is updated at most four times a second: for a front end without widgets."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._display = UpdatableDisplay(shell)
        self._display.show({"text/plain": "Starting …"})
        self._next = 0.0

    def show(self, state: RunState) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _SECONDS_BETWEEN
        shown = f"{summary.headline(state)}\n{state.phase}: {state.done} of {state.total}"
        self._display.show({"text/plain": shown})

    def close(self, state: RunState) -> None:
        _show_static(self._display, state)


class LineScreen:
    """Prints a line for each phase and each epoch: for a terminal."""

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


def _show_static(shown: UpdatableDisplay, state: RunState) -> None:
    if state.started_at:
        shown.finish(summary.mime_bundle(state))
    else:
        shown.finish({"text/plain": "The run did not start."})
