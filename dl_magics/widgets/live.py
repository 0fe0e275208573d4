"""A widget that tells the browser that its kernel is alive, so that no click is lost unnoticed."""

from __future__ import annotations

import threading

import anywidget
import traitlets as t

_SECONDS = 3.0


class LiveWidget(anywidget.AnyWidget):
    """Sends a sign of life until it is closed, also while its kernel runs a cell.

    Parameters
    ----------
    again
        What a person types to get the widget back after the end of its kernel.
    """

    beat = t.Int(0).tag(sync=True)
    again = t.Unicode().tag(sync=True)

    def __init__(self, *, again: str = "", **traits: object) -> None:
        super().__init__(again=again, **traits)
        self._closed = threading.Event()
        threading.Thread(target=self._keep_beating, daemon=True).start()

    def __repr__(self) -> str:
        """What a page without widgets shows: an exported notebook, or one that is printed."""
        return f"Shown while its kernel runs: {self.again}" if self.again else super().__repr__()

    def close(self) -> None:
        self._closed.set()
        super().close()

    def _keep_beating(self) -> None:
        while not self._closed.wait(_SECONDS):
            self.beat += 1
