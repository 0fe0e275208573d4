"""`%keras_settings`: Keras' settings as choices, here and on the instance.

A choice is numbered by the browser and shown as waiting until the kernel has heard it. The file is
looked at every few seconds, so that a change made elsewhere shows up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from dl_magics.actions.keras import settings
from dl_magics.actions.keras.settings import Where
from dl_magics.actions.keras.views import Changed, Settings
from dl_magics.errors import DLMagicsError
from dl_magics.keras_config.options import FLOATS, NAMES, ORDERINGS

HERE = Path(__file__).parent
_SECONDS = 3.0
_DEVICES = ("gpu", "gpu0", "gpu1", "cpu")
_BACKENDS = ("tensorflow", "jax", "torch", "theano")


class SettingsPanel(anywidget.AnyWidget):
    """Keras' settings of one place; `restart` is what its button does, None hides it."""

    _esm = HERE / "keras_settings.js"
    _css = HERE / "keras_settings.css"
    where = t.Unicode("here").tag(sync=True)
    title = t.Unicode().tag(sync=True)
    rows = t.List(t.Dict()).tag(sync=True)
    remarks = t.List(t.Unicode()).tag(sync=True)
    note = t.Unicode().tag(sync=True)
    can_undo = t.Bool(False).tag(sync=True)
    needs_restart = t.Bool(False).tag(sync=True)
    heard = t.Int(0).tag(sync=True)

    def __init__(
        self, restart: Callable[[], object] | None = None, seconds: float = _SECONDS
    ) -> None:
        super().__init__(where=settings.default_side())
        self._restart = restart
        self._closed = threading.Event()
        self._changing = threading.Lock()
        # What was changed last is what Undo takes back.
        self._device_changed: Changed | None = None
        self.look()
        self.on_msg(lambda _, click, __: self.hear(click))
        threading.Thread(target=self._keep_looking, args=(seconds,), daemon=True).start()

    def look(self) -> None:
        """Read what is in force again; what cannot be read is said in the note."""
        with self._changing:
            try:
                shown = settings.show_settings(self._place)
            except DLMagicsError as error:
                self._forget(error)
                return
            with self.hold_sync():
                self.title = shown.parts().title
                self.rows = list(_rows(shown))
                self.remarks = [shown.backends, *shown.remarks]
                last = self._device_changed
                self.can_undo = bool(shown.can_undo or shown.own.chosen or last)
                waits = shown.now != shown.fresh or (last is not None and last.needs_restart)
                self.needs_restart = bool(self._restart) and waits

    def hear(self, click: dict[str, Any]) -> None:
        """Take one click, and do it in a thread: the kernel stays free."""
        self.heard = max(self.heard, int(click["n"]))
        if click["action"] == "restart" and self._restart:
            self._restart()
            return
        threading.Thread(target=self._work, args=(click,), daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        super().close()

    @property
    def _place(self) -> Where:
        return settings.parse_side(self.where)

    def _work(self, click: dict[str, Any]) -> None:
        try:
            self.note = self._do(click)
        except DLMagicsError as error:
            self.note = _two_lines(error)
        self.look()

    def _do(self, click: dict[str, Any]) -> str:
        action = click["action"]
        if action == "go":
            self.where = settings.parse_side(click["where"])
            self._device_changed = None
            return ""
        if action == "undo":
            return self._undo()
        if action == "write" and click["name"] == "device":
            self._device_changed = settings.write_device(click["value"], self._place)
            return _told(self._device_changed)
        if action == "write":
            self._device_changed = None
            asked = {click["name"]: click["value"]}
            self.note = settings.announce_import_check(asked, self._place)
            return _told(settings.write_settings(asked, self._place))
        return ""

    def _undo(self) -> str:
        if self._device_changed:
            self._device_changed = settings.undo_device(self._place)
            return _told(self._device_changed)
        return _told(settings.undo_settings(self._place))

    def _forget(self, error: DLMagicsError) -> None:
        with self.hold_sync():
            self.title, self.rows, self.remarks = f"({self.where})", [], []
            self.note, self.can_undo, self.needs_restart = _two_lines(error), False, False

    def _keep_looking(self, seconds: float) -> None:
        while not self._closed.wait(seconds):
            # A connection a few seconds is too much: what is there is looked at when it is asked.
            if self.where == "here":
                self.look()


def _rows(shown: Settings) -> Iterable[dict[str, Any]]:
    choices = {
        "backend": _backends(shown),
        "image_data_format": [{"value": each, "why": ""} for each in ORDERINGS],
        "floatx": [{"value": each, "why": ""} for each in FLOATS],
    }
    for name in NAMES:
        value = shown.fresh[name]
        now = shown.now[name].value
        yield {
            "name": name,
            "value": "theano" if name == "backend" and shown.own.chosen else str(value.value),
            "by": value.by,
            "now": str(now) if now != value.value else "",
            "choices": choices.get(name, []),
        }
    told, by = shown.device
    yield {
        "name": "device",
        # The words of `%device`: Theano's are its own.
        "value": "gpu" if told == "all GPUs" else told.replace("cuda", "gpu"),
        "by": by,
        "now": "",
        "choices": [{"value": each, "why": ""} for each in _DEVICES],
    }


def _backends(shown: Settings) -> list[dict[str, str]]:
    """Return every backend, with the reason why it cannot be chosen."""
    found = shown.installed
    listed = []
    for name in _BACKENDS:
        why = "" if name in found.known and name in found.versions else "not installed"
        if name == "theano" and shown.own.python:
            why = ""
        listed.append({"value": name, "why": why})
    return listed


def _told(changed: Changed) -> str:
    parts = changed.parts()
    lines = [f"{row[0]}: {row[1]} → {row[3]}" for row in parts.rows]
    return "\n".join([*lines, *parts.below]) or "Nothing had to be changed."


def _two_lines(error: DLMagicsError) -> str:
    return f"{type(error).__name__}: {error}\n{error.fix}"
