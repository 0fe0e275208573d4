"""Answers a front end that asks for the states of all widgets, as after a reload of the page.

ipywidgets answers for the widgets of this kernel; those of the GPU kernel are added to its answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol
from weakref import WeakSet

import comm
from ipywidgets import Widget

from dl_magics.widgets.remote.models import RemoteModel, add_states

TARGET = "jupyter.widget.control"


class HasModels(Protocol):
    """A bridge to the widgets of a GPU kernel."""

    @property
    def models(self) -> dict[str, RemoteModel]: ...


_served: WeakSet[Any] = WeakSet()


def serve_states(bridge: HasModels) -> None:
    """Include the widgets of a bridge in each answer from now on."""
    _served.add(bridge)
    comm.get_comm_manager().register_target(TARGET, _open_control)


def _open_control(opened: Any, message: dict[str, Any]) -> None:
    Widget.handle_control_comm_opened(opened, message)
    send = opened.send

    def send_all(
        data: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        buffers: Iterable[bytes] | None = None,
    ) -> None:
        if data and data.get("method") == "update_states":
            models = {id_: model for each in _served for id_, model in list(each.models.items())}
            data, buffers = add_states(data, buffers or (), models)
        send(data, metadata, buffers)

    opened.send = send_all
