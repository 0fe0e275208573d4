"""Comm messages of the GPU kernel, checked before anything of them reaches the notebook.

Types, sizes and targets are checked; the caller checks which ids may be used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

KINDS = ("comm_open", "comm_msg", "comm_close")
TARGET = "jupyter.widget"
UPDATES = ("update", "echo_update")
MODEL = "IPY_MODEL_"
# The version of the protocol of ipywidgets 7 and 8.
_MAJOR = "2"
_MAX_BYTES = 128 << 20
_MAX_DEPTH = 200
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class CommRefused(ValueError):
    """A message that is not passed on; the text is the reason."""


@dataclass(frozen=True, slots=True)
class CommMessage:
    """A checked message; `state` is what it sets, {} for a custom message."""

    kind: str
    comm_id: str
    data: dict[str, Any]
    metadata: dict[str, Any]
    buffers: list[bytes]

    @property
    def state(self) -> dict[str, Any]:
        sets = self.kind == "comm_open" or self.data.get("method") in UPDATES
        return self.data.get("state", {}) if sets else {}

    @property
    def buffer_paths(self) -> list[tuple[str | int, ...]]:
        """The place of each buffer in the state."""
        return [tuple(path) for path in self.data.get("buffer_paths", [])] if self.state else []


def parse_message(message: Mapping[str, Any]) -> CommMessage:
    """Return the parts of a comm message; raise CommRefused if it is not one of a widget."""
    content = _expect(dict, message.get("content"), "content")
    comm_id = content.get("comm_id")
    if not (isinstance(comm_id, str) and _ID.fullmatch(comm_id)):
        raise CommRefused(f"its comm_id is not valid: {comm_id!r:.80}")
    data = _expect(dict, content.get("data") or {}, "data")
    metadata = _expect(dict, message.get("metadata") or {}, "metadata")
    buffers = _expect(list, message.get("buffers") or [], "buffers")
    if not all(isinstance(buffer, bytes) for buffer in buffers):
        raise CommRefused("its buffers are not bytes")
    if (size := sum(map(len, buffers)) + _measure(data)) > _MAX_BYTES:
        raise CommRefused(f"it has {size:,} bytes; the limit is {_MAX_BYTES:,}")
    kind = message["header"]["msg_type"]
    if kind == "comm_open":
        _check_target(content, metadata)
    checked = CommMessage(kind, comm_id, data, metadata, buffers)
    _check_state(checked)
    return checked


def find_models(value: Any) -> Iterator[str]:
    """Yield the ids of the widgets to which a value refers."""
    for each, _ in _walk(value):
        if isinstance(each, str) and each.startswith(MODEL):
            yield each.removeprefix(MODEL)


def _check_target(content: dict[str, Any], metadata: dict[str, Any]) -> None:
    target, version = content.get("target_name"), metadata.get("version")
    if target != TARGET:
        raise CommRefused(f"its target is {target!r:.80}; only {TARGET!r} is passed on")
    if not (isinstance(version, str) and version.partition(".")[0] == _MAJOR):
        raise CommRefused(f"it uses version {version!r:.20} of the protocol of ipywidgets, not 2")


def _check_state(message: CommMessage) -> None:
    state = _expect(dict, message.state, "state")
    paths = _expect(list, message.data.get("buffer_paths") or [], "buffer_paths")
    for path in paths:
        if not all(isinstance(part, (str, int)) for part in _expect(list, path, "buffer_paths")):
            raise CommRefused("its buffer_paths are not valid")
    if state and len(paths) != len(message.buffers):
        raise CommRefused(f"it has {len(message.buffers)} buffers and {len(paths)} paths of them")


def _expect(kind: type, value: Any, name: str) -> Any:
    if not isinstance(value, kind):
        raise CommRefused(f"its {name} is not a {kind.__name__}: {value!r:.80}")
    return value


def _measure(value: Any) -> int:
    """Return about how many bytes a value has as JSON."""
    return sum(len(each) if isinstance(each, str) else 8 for each, _ in _walk(value))


def _walk(value: Any) -> Iterator[tuple[Any, int]]:
    """Yield all keys and values of a JSON value; it can be nested deeper than Python can call."""
    waiting = [(value, 0)]
    while waiting:
        each, depth = waiting.pop()
        yield each, depth
        if depth > _MAX_DEPTH:
            raise CommRefused(f"it is nested deeper than {_MAX_DEPTH} levels")
        if isinstance(each, dict):
            waiting.extend((part, depth + 1) for pair in each.items() for part in pair)
        elif isinstance(each, list):
            waiting.extend((part, depth + 1) for part in each)
