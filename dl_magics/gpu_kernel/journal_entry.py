"""One entry of an agent's journal; it is sent as a line of JSON."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


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
    line: bytes

    @classmethod
    def of(cls, line: bytes) -> JournalEntry:
        """Parse a line; raises ValueError if it is not a journal entry."""
        try:
            return cls.read(json.loads(line), line)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a journal entry: {line[:80]!r}") from error

    @classmethod
    def read(cls, document: dict[str, Any], line: bytes) -> JournalEntry:
        """Return the entry of a decoded line."""
        return cls(
            document["n"], document["t"], document["ch"], decode_buffers(document["m"]), line
        )

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
