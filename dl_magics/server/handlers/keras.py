"""`keras-settings`: read, change, undo, on this computer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from dl_magics.server.handlers.base import DLMagicsHandler, validated

if TYPE_CHECKING:
    from dl_magics.actions.keras.views import Settings

_UNDO = "%backend --undo --here"


class KerasSettingsHandler(DLMagicsHandler):
    """The settings of Keras."""

    path = "/keras-settings"

    @web.authenticated
    @authorized
    @validated
    async def get(self) -> None:
        self.reply(await self.services.call(_read_settings))

    @web.authenticated
    @authorized
    @validated
    async def put(self) -> None:
        self.reply(await self.services.call(_write_settings, self.asked.body))


class UndoHandler(DLMagicsHandler):
    """Undo the last change of keras.json, which may be that of a notebook."""

    path = "/keras-settings/undo"

    @web.authenticated
    @authorized
    @validated
    async def post(self) -> None:
        self.confirm(await self.services.call(_ask_undo), _UNDO)
        self.reply(await self.services.call(_undo_settings))


def _read_settings() -> dict[str, Any]:
    return _describe([], "%backend --here")


def _write_settings(asked: Mapping[str, Any]) -> dict[str, Any]:
    from dl_magics.actions.keras import form, settings
    from dl_magics.server import cells

    changes = []
    if named := {key: value for key, value in asked.items() if key != "device"}:
        changes.append(settings.write_settings(named, "local"))
    if "device" in asked:
        changes.append(settings.write_device(asked["device"], "local"))
    lines = [line for each in changes for line in form.describe_change(each)]
    return _describe(lines, cells.keras_cell(asked))


def _ask_undo() -> str:
    from dl_magics.actions.keras import settings
    from dl_magics.errors import CannotChange

    shown = settings.show_settings("local")
    if question := _describe_undo(shown):
        return question
    raise CannotChange(
        f"{shown.path} has no change to undo.", fix="Select the value that you want instead."
    )


def _undo_settings() -> dict[str, Any]:
    from dl_magics.actions.keras import form, settings

    undone = settings.undo_settings("local")
    return _describe(form.describe_change(undone), _UNDO)


def _describe(changed: list[str], cell: str) -> dict[str, Any]:
    from dl_magics.actions.keras import form, settings

    shown = settings.show_settings("local")
    return {
        "title": shown.parts().title,
        "rows": form.list_rows(shown),
        "remarks": [shown.backends, *shown.remarks],
        "undo": _describe_undo(shown),
        "changed": changed,
        "cell": cell,
    }


def _describe_undo(shown: Settings) -> str:
    """Return what Undo does, as its question; "" if there is nothing to undo."""
    from dl_magics.actions.keras import form
    from dl_magics.errors import BadSetting

    try:
        lines = form.describe_undo(shown)
    except BadSetting:
        return ""
    return "\n  ".join([f"Undo in {shown.path}:", *(lines or ["no setting changes"])])
