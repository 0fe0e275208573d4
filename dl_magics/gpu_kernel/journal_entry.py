"""One entry of an agent's journal, as it travels: a line of JSON."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What came by as number `n`, `at` seconds since the epoch.

    `channel` is iopub, shell, control or stdin for what the kernel said, `in` for what it was
    asked, and `agent` for what befell it; `message` is a Jupyter message, or {"event": …}.
    """

    n: int
    at: float
    channel: str
    message: dict[str, Any]
    line: bytes

    @classmethod
    def of(cls, line: bytes) -> JournalEntry:
        """Read a line; ValueError where it is none."""
        try:
            return cls.read(json.loads(line), line)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a journal entry: {line[:80]!r}") from error

    @classmethod
    def read(cls, document: dict[str, Any], line: bytes) -> JournalEntry:
        """Return what a document of these keys says."""
        return cls(
            document["n"], document["t"], document["ch"], decode_buffers(document["m"]), line
        )

    @property
    def event(self) -> str:
        """What befell the kernel or the agent, where this entry tells that."""
        return str(self.message.get("event", "")) if self.channel == "agent" else ""

    @property
    def kind(self) -> str:
        """The type of the Jupyter message, where it is one."""
        return str(self.message.get("header", {}).get("msg_type", ""))

    @property
    def id(self) -> str:
        """Which request or wish this entry shows to have arrived."""
        if self.channel == "in":
            return str(self.message["header"]["msg_id"])
        return str(self.message.get("id", "")) if self.channel == "agent" else ""

    @property
    def answers(self) -> str:
        """Which request it belongs to."""
        return str((self.message.get("parent_header") or {}).get("msg_id", ""))


def decode_buffers(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as it was before it went over the wire."""
    if not (buffers := message.get("buffers")):
        return message
    return {**message, "buffers": [base64.b64decode(buffer) for buffer in buffers]}


def encode_buffers(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as it goes over the wire."""
    if not (buffers := message.get("buffers")):
        return message
    return {**message, "buffers": [base64.b64encode(buffer).decode() for buffer in buffers]}


def build_request(
    session: str, msg_type: str, content: dict[str, Any], msg_id: str | None = None
) -> dict[str, Any]:
    """Return a Jupyter message that asks a kernel for something."""
    header = {
        "msg_id": msg_id or uuid.uuid4().hex,
        "msg_type": msg_type,
        "username": "dl_magics",
        "session": session,
        "date": datetime.now(UTC).isoformat(),
        "version": "5.3",
    }
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content}
