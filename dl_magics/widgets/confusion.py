"""`%confusion`: the matrix; a click on a cell shows its images.

The browser numbers each click, and shows it as waiting until the kernel has handled it. Pictures
are loaded in a thread, so that the kernel can run cells meanwhile.
"""

from __future__ import annotations

import threading
from typing import Any

import traitlets as t

from dl_magics.actions.results import evaluating
from dl_magics.actions.results.matrix import ConfusionMatrix
from dl_magics.actions.results.place import ResultPlace
from dl_magics.errors import DLMagicsError
from dl_magics.runs.evaluation import Evaluation
from dl_magics.text import escape_controls
from dl_magics.widgets.assets import load_script, load_style
from dl_magics.widgets.live import LiveWidget

MOST_SHOWN = 24


class ConfusionWidget(LiveWidget):
    """A confusion matrix whose cells can be clicked.

    `shown` holds the images of the last cell that was clicked: {"row", "column", "images", "items"}
    with {"path", "picture", "text"} for each.
    """

    _esm = load_script("confusion.js")
    _css = load_style("confusion.css")
    title = t.Unicode().tag(sync=True)
    classes = t.List(t.Unicode()).tag(sync=True)
    rows = t.List(t.List(t.Int())).tag(sync=True)
    results = t.List(t.List(t.Unicode())).tag(sync=True)
    remarks = t.List(t.Unicode()).tag(sync=True)
    shown = t.Dict().tag(sync=True)
    note = t.Unicode().tag(sync=True)
    received = t.Int(0).tag(sync=True)
    handled = t.Int(0).tag(sync=True)

    def __init__(self, matrix: ConfusionMatrix, place: ResultPlace, *, again: str) -> None:
        super().__init__(
            again=again,
            title=matrix.title,
            classes=[escape_controls(name) for name in matrix.classes],
            rows=matrix.rows,
            results=matrix.describe_results(),
            remarks=[escape_controls(note) for note in matrix.notes],
        )
        self._matrix = matrix
        self._place = place
        self.on_msg(lambda _, click, __: self.receive_click(click))

    @property
    def evaluation(self) -> Evaluation:
        """What is shown."""
        return self._matrix.evaluation

    def receive_click(self, click: dict[str, Any]) -> None:
        """Show the images of a cell, in a thread."""
        self.received = max(self.received, int(click["n"]))
        threading.Thread(target=self._handle, args=(click,), daemon=True).start()

    def _handle(self, click: dict[str, Any]) -> None:
        try:
            shown, note = self._load(int(click["row"]), int(click["column"])), ""
        except DLMagicsError as error:
            shown, note = {}, f"{type(error).__name__}: {error}\n{error.fix}"
        # A later click may have been handled first.
        if int(click["n"]) < self.handled:
            return
        with self.hold_sync():
            self.shown, self.note, self.handled = shown, note, int(click["n"])

    def _load(self, row: int, column: int) -> dict[str, Any]:
        names = self._matrix.classes
        photos = self.evaluation.select(names[row], names[column])
        first = photos[:MOST_SHOWN]
        paths = [each.path for each in first]
        pictures = evaluating.load_pictures(self._place, self.evaluation, paths)
        items = [
            {
                "path": escape_controls(each.path),
                "picture": pictures.get(each.path, ""),
                "text": f"{100 * each.probability:.1f} %",
            }
            for each in first
        ]
        return {"row": row, "column": column, "images": len(photos), "items": items}
