"""The widget that shows a run while it trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import traitlets as t

from dl_magics.core import money
from dl_magics.runs.state import RunState
from dl_magics.runs.summary import describe_copying, format_resumptions
from dl_magics.runs.workers.lines import list_rows
from dl_magics.text import escape_controls
from dl_magics.widgets.assets import load_script, load_style
from dl_magics.widgets.live import LiveWidget

_SECONDS_BETWEEN = 0.25


class RunWidget(LiveWidget):
    """Shows one run, at most four times a second.

    Parameters
    ----------
    on_stop
        Called when Stop is pressed in a widget that shows a run of another process. In the cell
        that trains, Stop interrupts the kernel instead, as a busy kernel handles no messages.
    clock
        Returns the time in seconds, for tests.
    """

    _esm = load_script("run.js")
    _css = load_style("run.css")

    about = t.Dict().tag(sync=True)
    progress = t.Dict().tag(sync=True)
    epochs: t.List[dict[str, Any]] = t.List().tag(sync=True)
    notes: t.List[str] = t.List().tag(sync=True)
    workers: t.List[dict[str, str]] = t.List().tag(sync=True)
    watches = t.Bool(False).tag(sync=True)
    stopping = t.Bool(False).tag(sync=True)

    def __init__(
        self,
        *,
        on_stop: Callable[[], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        **traits: Any,
    ) -> None:
        super().__init__(watches=on_stop is not None, **traits)
        self._clock = clock
        self._next = 0.0
        if on_stop:
            self.on_msg(lambda _widget, content, _buffers: _pressed(content, on_stop))

    def show(self, state: RunState) -> None:
        """Send a state to the browser, at most four times a second; the last one always."""
        now = self._clock()
        if now < self._next and not state.ended:
            return
        self._next = now + _SECONDS_BETWEEN
        with self.hold_sync():
            self.again = f"%attach {state.run}" if state.run else ""
            self.about = {
                "title": title(state),
                "device": state.device,
                "host": describe_host(state),
                "epochs_asked": state.epochs_asked,
            }
            self.progress = {
                "status": state.status,
                "phase": state.phase,
                "unit": state.unit,
                "done": state.done,
                "total": state.total,
                "images_per_second": state.images_per_second,
                "seconds_left": state.seconds_left,
                "seconds": state.seconds_running,
                "cost": cost(state),
                "copying": describe_copying(state),
            }
            self.epochs = [dict(each) for each in state.epochs]
            self.notes = notes(state)
            self.workers = [row.to_json() for row in list_rows(state)]


def title(state: RunState) -> str:
    """Return what is trained: `VGG16 · 2 classes · 1,119 + 280 images`."""
    if not state.started_at:
        return "Starting: checking the images, importing Keras"
    counts = [sum(state.counts[part].values()) for part in ("train", "valid")]
    return (
        f"{state.recipe.get('model', 'Run')} · {len(state.classes)} classes · "
        f"{counts[0]:,} + {counts[1]:,} images"
    )


def describe_host(state: RunState) -> str:
    """Return the host of a run, or how many compute its features: their names are in the rows."""
    host = state.host
    if "count" in host:
        return f"features on {host.get('type', '')}"
    return f"on {host['name']}" if "name" in host else ""


def cost(state: RunState) -> str:
    """Return the cost of the instance for the time of the run; "" if it runs on no instance."""
    if "dollars_per_hour" not in state.host:
        return ""
    return money.add_day(money.format_dollars(state.dollars), state.price_day)


def notes(state: RunState) -> list[str]:
    """Return lines about resumptions, warnings and skipped files."""
    lines = format_resumptions(state) + [f"{each['text']} {each['fix']}" for each in state.warnings]
    if state.skipped:
        first = "; ".join(
            f"{Path(each['path']).name}: {each['reason']}" for each in state.skipped[:3]
        )
        more = " …" if len(state.skipped) > 3 else ""
        files = "file" if len(state.skipped) == 1 else "files"
        lines.append(f"{len(state.skipped):,} {files} skipped ({first}{more})")
    return [escape_controls(line) for line in lines]


def _pressed(content: Any, on_stop: Callable[[], None]) -> None:
    if isinstance(content, dict) and content.get("type") == "stop":
        on_stop()
