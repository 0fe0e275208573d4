"""The state of each widget of the GPU kernel: a front end that was reloaded asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dl_magics.widgets.remote.comm_messages import CommMessage

Buffers = dict[tuple[str | int, ...], bytes]


class RemoteModel:
    """The state of one widget, with all changes by the kernel and by the front end."""

    def __init__(self, opened: CommMessage) -> None:
        self._state: dict[str, Any] = {}
        self._buffers: Buffers = {}
        self.update(opened)

    def update(self, message: CommMessage) -> None:
        """Apply a change; buffers belong to the part of the state in which they are."""
        changed = message.state
        self._state.update(changed)
        kept = {path: each for path, each in self._buffers.items() if path[0] not in changed}
        self._buffers = kept | dict(zip(message.buffer_paths, message.buffers, strict=False))

    @property
    def snapshot(self) -> tuple[dict[str, Any], Buffers]:
        """What ipywidgets sends of a widget when the front end asks for all states."""
        state = self._state
        described = {
            "model_name": state.get("_model_name"),
            "model_module": state.get("_model_module"),
            "model_module_version": state.get("_model_module_version"),
            "state": dict(state),
        }
        return described, dict(self._buffers)


def add_states(
    data: dict[str, Any], buffers: Iterable[bytes], models: dict[str, RemoteModel]
) -> tuple[dict[str, Any], list[bytes]]:
    """Add the states of widgets to an `update_states` message of ipywidgets."""
    states, paths, values = dict(data["states"]), list(data["buffer_paths"]), list(buffers)
    for id_, model in models.items():
        states[id_], own = model.snapshot
        paths += [[id_, "state", *path] for path in own]
        values += own.values()
    return {**data, "states": states, "buffer_paths": paths}, values
