"""Show a run while it trains, and leave an output that needs no kernel when it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from IPython.display import display

from dl_magics.actions.runs import runs
from dl_magics.magics.display.front_end import Live, is_console, server_runs_cells, shows_widgets
from dl_magics.magics.display.plain_text import build_bundle
from dl_magics.magics.display.progress_lines import LinePace
from dl_magics.magics.display.updatable import UpdatableDisplay
from dl_magics.runs import summary
from dl_magics.runs.events import Event
from dl_magics.runs.state import RunState
from dl_magics.runs.workers.lines import format_workers
from dl_magics.text import escape_controls
from dl_magics.training.run import Run
from dl_magics.widgets.saved_note import build_note

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_SECONDS_BETWEEN = 0.25
_GOES_ON = (
    "The run {} goes on without this tab. This shows it, also after its end, and in another "
    "notebook while this one is busy:"
)
_STOPPING = "Stopping at the next batch; another interrupt does not wait for it."
_COPYING = (
    "The run has ended; its results are still copied. Another interrupt does not wait for it."
)


class Screen(Protocol):
    """Displays a run: `show` is called with each state, then `close` with the last one.

    `show_stopping` says that a stop was requested; any thread may call it.
    """

    def show(self, state: RunState) -> None: ...

    def show_stopping(self) -> None: ...

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

    def show_stopping(self) -> None:
        self._screen.show_stopping()

    def show_again(self) -> None:
        self._screen.show(self._state)

    def close(self, state: RunState) -> None:
        self._screen.close(state)


def screen_for(
    shell: InteractiveShell, live: Live, *, name: str = "", watched: Run | None = None
) -> Screen:
    """Return the screen that suits what shows the cell, or the one that `live` names.

    `name` is that of the run; `watched` the run, where another process trains it.
    """
    # In the cell that trains, the error is that of the cell.
    shows_error = not name or watched is not None
    if getattr(shell, "kernel", None) is None:
        return LineScreen(shows_error=shows_error)
    if live == "auto":
        without_widgets: Live = "plain" if server_runs_cells(shell) else "lines"
        live = "widget" if shows_widgets(shell) else without_widgets
    match live:
        case "widget":
            return WidgetScreen(shell, name=name, watched=watched)
        case "plain":
            return PlainScreen(shell)
        case _:
            return LineScreen(leaves_picture=not is_console(shell), shows_error=shows_error)


class WidgetScreen:
    """The live widget, replaced by a static output at the end.

    A tab that was closed in between gets no replacement: a note says how to see the run.
    """

    def __init__(
        self, shell: InteractiveShell, *, name: str = "", watched: Run | None = None
    ) -> None:
        from dl_magics.widgets.run import RunWidget

        self._note = UpdatableDisplay(shell)
        if name:
            self._note.show(build_note(_GOES_ON.format(name), f"%attach {name}"))
        on_stop = (lambda: runs.request_stop(watched)) if watched else None
        self._widget: Any = RunWidget(on_stop=on_stop)
        self._widget.show(RunState())
        self._display = UpdatableDisplay(shell)
        self._display.show(self._widget)

    def show(self, state: RunState) -> None:
        self._widget.show(state)

    def show_stopping(self) -> None:
        self._widget.stopping = True

    def close(self, state: RunState) -> None:
        _show_static(self._display, state)
        self._note.remove()
        self._widget.close()


class PlainScreen:
    """Text that is updated at most four times a second: for a front end without widgets."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._display = UpdatableDisplay(shell)
        self._display.show(build_bundle("Starting …"))
        self._next = 0.0
        self._ended = False

    def show(self, state: RunState) -> None:
        self._ended = state.ended
        now = time.monotonic()
        if now < self._next and not state.ended:
            return
        self._next = now + _SECONDS_BETWEEN
        shown = [summary.headline(state), summary.format_progress(state), *format_workers(state)]
        self._display.show(build_bundle("\n".join(shown)))

    def show_stopping(self) -> None:
        print(_COPYING if self._ended else _STOPPING, flush=True)

    def close(self, state: RunState) -> None:
        _show_static(self._display, state)


class LineScreen:
    """Prints a line for each epoch, and at most every ten seconds one of progress.

    For a terminal, a console and the log of a program that executes notebooks, where the picture
    is displayed at the end: it stays in the notebook. `shows_error` prints why a run failed.
    """

    def __init__(
        self,
        *,
        leaves_picture: bool = False,
        shows_error: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leaves_picture = leaves_picture
        self._shows_error = shows_error
        self._pace = LinePace(clock)
        self._phase, self._epochs = "", 0
        self._warnings: set[str] = set()
        self._ended = False

    def show(self, state: RunState) -> None:
        self._ended = state.ended
        for each in state.warnings:
            if (line := f"! {each['text']} {each['fix']}") not in self._warnings:
                self._warnings.add(line)
                self._print(line)
        for each in state.epochs[self._epochs :]:
            self._print(summary.format_epoch(each))
        self._epochs = max(self._epochs, len(state.epochs))
        phase = summary.describe_copying(state) or state.phase
        if phase and (phase != self._phase or self._pace.is_due()):
            self._phase = phase
            self._print(summary.format_progress(state))

    def show_stopping(self) -> None:
        print(_COPYING if self._ended else _STOPPING, flush=True)

    def close(self, state: RunState) -> None:
        if self._leaves_picture:
            bundle = summary.mime_bundle(state) if state.status else {}
            display({**bundle, "text/plain": summary.headline(state)}, raw=True)
        elif state.status:
            self._print(summary.headline(state))
        if self._shows_error and state.error:
            self._print(state.error)
            self._print(f"  {state.fix}")

    def _print(self, line: str) -> None:
        self._pace.begin()
        print(escape_controls(line), flush=True)


def _show_static(shown: UpdatableDisplay, state: RunState) -> None:
    if state.status:
        shown.finish(summary.mime_bundle(state))
    else:
        shown.finish(build_bundle("The run did not start."))
