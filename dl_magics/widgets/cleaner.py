"""`%clean_images`: doubtful images as cards; each click is done and journalled at once.

The browser numbers each click and disables a card until the kernel has handled it. What was decided
is read from the journal: neither another class, nor the end of the kernel, loses it.
"""

from __future__ import annotations

import threading
from typing import Any

import traitlets as t

from dl_magics.actions.results.cleaning import Cleaning, Photo
from dl_magics.errors import DLMagicsError
from dl_magics.text import escape_controls
from dl_magics.widgets.assets import load_script, load_style
from dl_magics.widgets.live import LiveWidget

PAGE = 24


class Cleaner(LiveWidget):
    """The cards of doubtful images, a page of a class at a time.

    Parameters
    ----------
    cleaning
        The images, and what was decided about them.
    again
        What a person types to get the cards back after the end of the kernel.
    """

    _esm = load_script("cleaner.js")
    _css = load_style("cleaner.css")
    classes = t.List(t.Unicode()).tag(sync=True)
    chosen = t.Unicode("").tag(sync=True)
    cards = t.List(t.Dict()).tag(sync=True)
    left = t.Int(0).tag(sync=True)
    summary = t.Unicode().tag(sync=True)
    note = t.Unicode().tag(sync=True)
    can_undo = t.Bool(False).tag(sync=True)
    handled = t.Int(0).tag(sync=True)

    def __init__(self, cleaning: Cleaning, again: str = "%clean_images") -> None:
        super().__init__(again=again, classes=list(cleaning.classes), note=cleaning.note)
        self.cleaning = cleaning
        self._shown = PAGE
        self._pictures: dict[str, str] = {}
        self._handling = threading.Lock()
        # What was decided in an earlier session stays in its place: it can be undone.
        self._order = sorted(cleaning.photos, key=lambda each: each.path in cleaning.steps)
        self.look()
        self.on_msg(lambda _, click, __: self.receive_click(click))

    def look(self) -> None:
        """Show the page of the chosen class."""
        listed = [each for each in self._order if self.chosen in ("", each.label)]
        page = listed[: self._shown]
        missing = [each.path for each in page if each.path not in self._pictures]
        for at in range(0, len(missing), PAGE):
            self._pictures.update(self.cleaning.load_pictures(missing[at : at + PAGE]))
        with self.hold_sync():
            self.cards = [self._describe(each) for each in page]
            self.left = len(listed) - len(page)
            self.summary = escape_controls(self.cleaning.summary)
            self.can_undo = bool(self.cleaning.steps)

    def receive_click(self, click: Any) -> None:
        """Handle one click in a thread, so that the kernel can run cells meanwhile."""
        threading.Thread(target=self._handle, args=(click,), daemon=True).start()

    def _handle(self, click: dict[str, Any]) -> None:
        with self._handling:
            try:
                self.note = escape_controls(self._perform(click))
                self.look()
            except DLMagicsError as error:
                self.note = escape_controls(
                    f"{type(error).__name__}: {error}\n{error.fix}", keep="\n"
                )
            self.handled = max(self.handled, int(click["n"]))

    def _perform(self, click: dict[str, Any]) -> str:
        action, path = click["action"], str(click.get("path", ""))
        if action == "choose":
            self.chosen, self._shown = str(click["label"]), PAGE
        elif action == "more":
            self._shown += PAGE
        elif action == "keep":
            return self.cleaning.keep(path)
        elif action == "relabel":
            return self.cleaning.relabel(path, str(click["to"]))
        elif action == "quarantine":
            return self.cleaning.quarantine(path)
        elif action == "undo":
            return self.cleaning.undo(path)
        return ""

    def _describe(self, photo: Photo) -> dict[str, Any]:
        return {
            "path": photo.path,
            "name": escape_controls(photo.path),
            "label": photo.label,
            "why": escape_controls(photo.why),
            "done": escape_controls(self.cleaning.describe_step(photo.path)),
            "picture": self._pictures.get(photo.path, ""),
        }
