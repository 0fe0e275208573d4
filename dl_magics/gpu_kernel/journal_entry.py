"""One entry of an agent's journal."""

from __future__ import annotations

import base64
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

CHANNELS = ("iopub", "shell", "control", "stdin", "in")
SKIPPED, CAUGHT_UP = "skipped", "caught_up"
"""The events that this package puts among the entries; an agent cannot."""
# What the content of a message must have for this package: the rest is displayed as it is.
_TEXTS = {
    "status": ("execution_state",),
    "execute_request": ("code",),
    "stream": ("name", "text"),
    "input_request": ("prompt",),
}


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """The journal entry number `n`, recorded `at` seconds since the epoch.

    `channel` is iopub, shell, control or stdin for messages of the kernel, `in` for requests to it,
    and `agent` for events of the kernel's process; `message` is a Jupyter message, or
    {"event": …}.
    """

    n: int
    at: float
    channel: str
    message: dict[str, Any]

    @classmethod
    def read(cls, document: dict[str, Any]) -> JournalEntry:
        """Check an entry by its types, here and nowhere else.

        An entry that fails the check becomes the event `unreadable`: the entries after it must not
        be lost. Raises ValueError if even its number is missing.
        """
        if not isinstance(n := document.get("n"), int):
            raise ValueError(f"not a journal entry: {document!r:.80}")
        try:
            channel, message = document["ch"], decode_buffers(document["m"])
            if channel == "agent":
                _check_event(message)
            else:
                _check_message(channel, message)
            return cls(n, float(document["t"]), channel, message)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            unreadable = {"event": "unreadable", "why": f"{error!r:.200}"}
            return cls(n, time.time(), "agent", unreadable)

    @property
    def event(self) -> str:
        """The event of the kernel or the agent; "" for a Jupyter message."""
        return str(self.message.get("event", "")) if self.channel == "agent" else ""

    @property
    def kind(self) -> str:
        """The type of the Jupyter message; "" for an event."""
        return str(self.message.get("header", {}).get("msg_type", ""))

    @property
    def id(self) -> str:
        """The id of the request whose arrival this entry confirms, or ""."""
        if self.channel == "in":
            return str(self.message["header"]["msg_id"])
        return str(self.message.get("id", "")) if self.channel == "agent" else ""

    @property
    def answers(self) -> str:
        """The id of the request that this message answers, or ""."""
        return str((self.message.get("parent_header") or {}).get("msg_id", ""))


def _check_message(channel: object, message: dict[str, Any]) -> None:
    """Raise ValueError if this is not a Jupyter message."""
    header, parent = message["header"], message.get("parent_header") or {}
    texts = (header["msg_id"], header["msg_type"], parent.get("msg_id", ""))
    if channel not in CHANNELS or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"not a message of a kernel: {header!r:.80}")
    content, metadata = message["content"], message.setdefault("metadata", {})
    if not isinstance(content, dict) or not isinstance(metadata, dict):
        raise ValueError(f"not the content of a message: {content!r:.80}")
    for name in _TEXTS.get(header["msg_type"], ()):
        if not isinstance(content[name], str):
            raise ValueError(f"not the content of a message: {content!r:.80}")


def _check_event(message: dict[str, Any]) -> None:
    """Raise ValueError if this is not an event of the agent."""
    texts = ("event", "id", "why", "stopped", "fix")
    if not all(isinstance(message.get(name, ""), str) for name in texts):
        raise ValueError(f"not an event: {message!r:.80}")
    if message["event"] == "kernel_died":
        message.setdefault("why", "unknown reason")
    is_bad = message["event"] == "settled" and not isinstance(message["before"], int)
    if is_bad or message["event"] in (SKIPPED, CAUGHT_UP):
        raise ValueError(f"not an event: {message!r:.80}")


def decode_buffers(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message with its buffers decoded from base64."""
    if not (buffers := message.get("buffers")):
        return message
    return {**message, "buffers": [base64.b64decode(buffer) for buffer in buffers]}


def encode_buffers(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message with its buffers encoded as base64."""
    if not (buffers := message.get("buffers")):
        return message
    return {**message, "buffers": [base64.b64encode(buffer).decode() for buffer in buffers]}


def build_request(
    session: str, msg_type: str, content: dict[str, Any], msg_id: str | None = None
) -> dict[str, Any]:
    """Return a Jupyter request message."""
    header = {
        "msg_id": msg_id or uuid.uuid4().hex,
        "msg_type": msg_type,
        "username": "dl_magics",
        "session": session,
        "date": datetime.now(UTC).isoformat(),
        "version": "5.3",
    }
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content}
