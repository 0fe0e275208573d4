"""What a kernel said, and entries of a journal as an agent records them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from dl_magics.gpu_kernel.journal_entry import JournalEntry

_numbers = count(1)


def printed(messages: Iterable[dict[str, Any]]) -> str:
    """Return all that was printed."""
    return "".join(
        message["content"]["text"]
        for message in messages
        if message["header"]["msg_type"] == "stream"
    )


def run(kernel: Any, code: str) -> str:
    """Run code to its end and return what it printed."""
    return printed(kernel.execute(code))


def sent(
    id_: str, code: str = "", *, silent: bool = False, store_history: bool = True, **metadata: str
) -> JournalEntry:
    """The arrival of a cell."""
    content = {"code": code, "silent": silent, "store_history": store_history}
    return _entry("in", "execute_request", content, id_=id_, metadata=metadata)


def status(state: str, parent: str) -> JournalEntry:
    return _entry("iopub", "status", {"execution_state": state}, parent)


def stream(text: str, parent: str, name: str = "stdout") -> JournalEntry:
    return output("stream", parent, name=name, text=text)


def output(kind: str, parent: str, **content: Any) -> JournalEntry:
    return _entry("iopub", kind, content, parent)


def reply(parent: str, state: str = "ok") -> JournalEntry:
    return _entry("shell", "execute_reply", {"status": state}, parent)


def asks_for_input(parent: str) -> JournalEntry:
    return _entry("stdin", "input_request", {"prompt": "? ", "password": False}, parent)


def event(name: str, **facts: Any) -> JournalEntry:
    return JournalEntry(next(_numbers), 0.0, "agent", {"event": name, **facts})


def _entry(
    channel: str,
    kind: str,
    content: dict[str, Any],
    parent: str = "",
    *,
    id_: str = "",
    metadata: dict[str, str] | None = None,
) -> JournalEntry:
    message = {
        "header": {"msg_type": kind, "msg_id": id_},
        "parent_header": {"msg_id": parent} if parent else {},
        "metadata": metadata or {},
        "content": content,
    }
    return JournalEntry(next(_numbers), 0.0, channel, message)
