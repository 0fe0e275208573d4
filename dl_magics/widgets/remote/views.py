"""The displays that show widgets of the GPU kernel, and the text that takes their place."""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"
Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """A display of a widget, and the form of the widget as text."""

    display_id: str
    text: str


class WidgetViews:
    """The last display of each widget."""

    def __init__(self) -> None:
        self._views: dict[str, View] = {}

    def prepare(self, content: Content, models: Container[str]) -> Content:
        """Return the content of an output with the view of a widget only if that is open."""
        id_ = find_model(content)
        if id_ not in models:
            return without_view(content)
        content = with_display_id(content)
        text = str(content["data"].get("text/plain", ""))
        self.remember(id_, content["transient"]["display_id"], text)
        return content

    def remember(self, model_id: str, display_id: str, text: str) -> None:
        """Remember the text that stays in place of a widget."""
        self._views[model_id] = View(display_id, text)

    def forget(self, model_id: str) -> None:
        """Forget a widget that was closed."""
        self._views.pop(model_id, None)

    def replace_all(self) -> Iterator[Content]:
        """Yield the content of the messages that replace each widget by its text."""
        while self._views:
            _, view = self._views.popitem()
            yield {
                "data": {"text/plain": view.text},
                "metadata": {},
                "transient": {"display_id": view.display_id},
            }


def find_model(content: Content) -> str:
    """Return the id of the widget that an output displays; "" if it displays none."""
    view = content.get("data", {}).get(VIEW)
    id_ = view.get("model_id") if isinstance(view, dict) else None
    return id_ if isinstance(id_, str) else ""


def with_display_id(content: Content) -> Content:
    """Return the content of an output that can be updated."""
    given = content.get("transient")
    transient = given if isinstance(given, dict) else {}
    return {**content, "transient": {"display_id": uuid.uuid4().hex, **transient}}


def without_view(content: Content) -> Content:
    """Return the content of an output without the view of a widget."""
    data = content.get("data", {})
    if VIEW not in data:
        return content
    return {**content, "data": {mime: data[mime] for mime in data if mime != VIEW}}
