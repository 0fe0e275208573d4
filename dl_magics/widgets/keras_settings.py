"""`%keras_settings`: a form for Keras' settings, on this computer and on the instance.

The browser numbers each click and disables the form until the kernel has handled it. The local
settings are read again every few seconds, so that a change made elsewhere is shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import traitlets as t

from dl_magics.actions.keras import form, settings
from dl_magics.actions.keras.settings import Where
from dl_magics.actions.keras.views import Changed
from dl_magics.errors import DLMagicsError
from dl_magics.widgets.assets import load_script, load_style
from dl_magics.widgets.live import LiveWidget

_SECONDS = 3.0


class SettingsPanel(LiveWidget):
    """The form for Keras' settings.

    Parameters
    ----------
    restart
        What the restart button calls; None hides the button.
    seconds
        How often the local settings are read again.
    again
        What a person types to get the form back after the end of its kernel.
    """

    _esm = load_script("keras_settings.js")
    _css = load_style("keras_settings.css")
    where = t.Unicode("local").tag(sync=True)
    title = t.Unicode().tag(sync=True)
    rows = t.List(t.Dict()).tag(sync=True)
    remarks = t.List(t.Unicode()).tag(sync=True)
    note = t.Unicode().tag(sync=True)
    can_undo = t.Bool(False).tag(sync=True)
    needs_restart = t.Bool(False).tag(sync=True)
    received = t.Int(0).tag(sync=True)
    handled = t.Int(0).tag(sync=True)

    def __init__(
        self,
        restart: Callable[[], object] | None = None,
        seconds: float = _SECONDS,
        again: str = "%keras_settings",
    ) -> None:
        super().__init__(where=settings.default_where(), again=again)
        self._restart = restart
        self._changing = threading.Lock()
        # The last change, if it was one of the device: Undo undoes the last change.
        self._device_changed: Changed | None = None
        self.look()
        self.on_msg(lambda _, click, __: self.receive_click(click))
        threading.Thread(target=self._keep_looking, args=(seconds,), daemon=True).start()

    def look(self) -> None:
        """Read the settings again; an error is shown in the note."""
        with self._changing:
            try:
                shown = settings.show_settings(self._side)
            except DLMagicsError as error:
                self._show_error(error)
                return
            with self.hold_sync():
                self.title = shown.parts().title
                self.rows = form.list_rows(shown)
                self.remarks = [shown.backends, *shown.remarks]
                last = self._device_changed
                self.can_undo = bool(shown.can_undo or shown.theano.selected or last)
                outdated = shown.now != shown.fresh or (last is not None and last.needs_restart)
                self.needs_restart = bool(self._restart) and outdated

    def receive_click(self, click: dict[str, Any]) -> None:
        """Handle one click in a thread, so that the kernel can run cells meanwhile."""
        self.received = max(self.received, int(click["n"]))
        if click["action"] == "restart" and self._restart:
            self._restart()
            self.handled = self.received
            return
        threading.Thread(target=self._handle, args=(click,), daemon=True).start()

    @property
    def _side(self) -> Where:
        return settings.parse_where(self.where)

    def _handle(self, click: dict[str, Any]) -> None:
        try:
            self.note = self._perform(click)
        except DLMagicsError as error:
            self.note = _two_lines(error)
        self.look()
        self.handled = max(self.handled, int(click["n"]))

    def _perform(self, click: dict[str, Any]) -> str:
        action = click["action"]
        if action == "go":
            self.where = settings.parse_where(click["where"])
            self._device_changed = None
            return ""
        if action == "undo":
            return self._undo()
        if action == "write" and click["name"] == "device":
            self._device_changed = settings.write_device(click["value"], self._side)
            return _describe_change(self._device_changed)
        if action == "write":
            self._device_changed = None
            asked = {click["name"]: click["value"]}
            self.note = settings.announce_import_check(asked, self._side)
            return _describe_change(settings.write_settings(asked, self._side))
        return ""

    def _undo(self) -> str:
        if self._device_changed:
            self._device_changed = settings.undo_device(self._side)
            return _describe_change(self._device_changed)
        return _describe_change(settings.undo_settings(self._side))

    def _show_error(self, error: DLMagicsError) -> None:
        with self.hold_sync():
            self.title, self.rows, self.remarks = f"({self.where})", [], []
            self.note, self.can_undo, self.needs_restart = _two_lines(error), False, False

    def _keep_looking(self, seconds: float) -> None:
        while not self._closed.wait(seconds):
            # Polling over SSH would be too expensive: the remote settings are read on each click.
            if self.where == "local":
                self.look()


def _describe_change(changed: Changed) -> str:
    return "\n".join(form.describe_change(changed)) or "No change needed."


def _two_lines(error: DLMagicsError) -> str:
    return f"{type(error).__name__}: {error}\n{error.fix}"
