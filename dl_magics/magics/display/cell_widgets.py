"""The widgets that a cell of the GPU kernel displays: live, or as text with their last state."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import publish_display_data

from dl_magics.errors import DLMagicsError
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.gpu_kernel.requests.pending_request import PendingRequest
from dl_magics.magics.display.updatable import find_mode
from dl_magics.ssh import blocking
from dl_magics.widgets.remote.bridge import WidgetBridge
from dl_magics.widgets.remote.views import find_model, with_display_id, without_view

Message = dict[str, Any]
_SECONDS = 5.0
# ipywidgets 8, then 7.
_WIDGET = (
    "(getattr(__import__('ipywidgets').widgets.widget, '_instances', None)"
    " or __import__('ipywidgets').Widget.widgets)[{!r}]"
)


class CellWidgets:
    """The widgets of one cell; without a bridge, only their text is shown."""

    def __init__(self, shell: InteractiveShell, client: GpuKernel) -> None:
        self.bridge = find_bridge(shell, client)
        self._shell = shell
        self._client = client
        self._shown: dict[str, Message] = {}

    def come_with(self, request: PendingRequest) -> None:
        """Show the messages of widgets in order with those of the cell."""
        if self.bridge:
            self.bridge.carry_with(request)

    def apply(self, message: Mapping[str, Any]) -> None:
        """Show what a message of a widget changes."""
        if self.bridge:
            self.bridge.apply(dict(message))

    def prepare(self, content: Message) -> Message:
        """Return what is displayed of an output: a widget lives only where its comm is open."""
        id_ = find_model(content)
        content = prepare_output(content, self.bridge)
        if id_:
            content = self._shown[id_] = with_display_id(content)
        return content

    def finish(self) -> None:
        """Update the text of each widget at the end of the cell."""
        if not (self._shown and self._client.state == "idle"):
            return
        with suppress(DLMagicsError):  # a text of the start of the cell remains
            for id_, text in self._fetch_texts().items():
                content = self._shown[id_]
                if text != content["data"].get("text/plain"):
                    self._replace_text(id_, content, text)

    def _fetch_texts(self) -> dict[str, str]:
        content = {
            "code": "",
            "silent": True,
            "store_history": False,
            "allow_stdin": False,
            "stop_on_error": False,
            "user_expressions": {id_: _WIDGET.format(id_) for id_ in self._shown},
        }
        reply = self._client.request("shell", "execute_request", content, seconds=_SECONDS)
        found = reply["content"].get("user_expressions", {})
        texts = {id_: found.get(id_, {}).get("data", {}).get("text/plain") for id_ in self._shown}
        return {id_: text for id_, text in texts.items() if isinstance(text, str)}

    def _replace_text(self, id_: str, content: Message, text: str) -> None:
        transient = content["transient"]
        if self.bridge and id_ in self.bridge.models:
            self.bridge.views.remember(id_, transient["display_id"], text)
        if find_mode(self._shell) == "update":
            data = {**content["data"], "text/plain": text}
            publish_display_data(
                data, content.get("metadata", {}), transient=transient, update=True
            )
        else:
            publish_display_data({"text/plain": text})


def find_bridge(shell: InteractiveShell, client: GpuKernel) -> WidgetBridge | None:
    """Return the bridge to the widgets of a GPU kernel; None without a front end for them."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    bridge = client.widgets
    if not isinstance(bridge, WidgetBridge):
        bridge = client.widgets = WidgetBridge(kernel, partial(_send, client))
    return bridge


def prepare_output(content: Message, bridge: WidgetBridge | None) -> Message:
    """Return the content of an output with the views of widgets that are open here only."""
    return bridge.prepare(content) if bridge else without_view(content)


def _send(client: GpuKernel, message: Message) -> None:
    async def send() -> None:
        client.link.send("shell", message)

    blocking.start_task(send())
