"""Messages of the front end to widgets of the GPU kernel: one at a time, the newest value wins.

A slider sends many values while it is dragged. A local kernel takes the next one when it has
finished the previous one; here, too, the values in between are left out.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

from dl_magics.gpu_kernel.journal_entry import build_request

Message = dict[str, Any]
_KEPT = 1000


class Outbox:
    """Sends the messages in order; the next one when the kernel is idle after the previous one.

    Parameters
    ----------
    send
        Sends a message to the kernel without waiting.
    """

    def __init__(self, send: Callable[[Message], object]) -> None:
        self._send = send
        self._session = uuid.uuid4().hex
        self._waiting: list[Message] = []
        self._in_flight = ""
        self._parents: dict[str, Message] = {}
        self._changing = threading.Lock()

    def put(self, message: Message) -> None:
        """Send a message of the front end, as soon as the kernel has handled the previous one."""
        request = build_request(
            self._session,
            message["header"]["msg_type"],
            message["content"],
            message["header"]["msg_id"],
        )
        request["metadata"] = message.get("metadata", {})
        request["buffers"] = [bytes(buffer) for buffer in message.get("buffers") or ()]
        with self._changing:
            self._parents[request["header"]["msg_id"]] = {"header": message["header"]}
            for old in list(self._parents)[:-_KEPT]:
                del self._parents[old]
            if self._waiting and (merged := _merge(self._waiting[-1], request)):
                self._waiting[-1] = merged
            else:
                self._waiting.append(request)
            if not self._in_flight:
                self._send_next()

    def find_parent(self, msg_id: str) -> Message | None:
        """Return the message of the front end that was sent under this id."""
        return self._parents.get(msg_id)

    def finish(self, msg_id: str | None = None) -> None:
        """Send the next message: the kernel has handled one, or None if nothing is known of it."""
        with self._changing:
            if msg_id in (None, self._in_flight):
                self._send_next()

    def clear(self) -> None:
        """Forget what was not sent: its kernel has ended."""
        with self._changing:
            self._waiting, self._in_flight = [], ""

    def _send_next(self) -> None:
        self._in_flight = ""
        if self._waiting:
            message = self._waiting.pop(0)
            self._in_flight = message["header"]["msg_id"]
            self._send(message)


def _merge(earlier: Message, later: Message) -> Message | None:
    """Return one message for two changes of the same widget, or None if both are needed."""
    first, second = earlier["content"], later["content"]
    are_plain = all(
        each["header"]["msg_type"] == "comm_msg"
        and each["content"].get("data", {}).get("method") == "update"
        and not each["buffers"]
        for each in (earlier, later)
    )
    if not are_plain or first["comm_id"] != second["comm_id"]:
        return None
    state = {**first["data"].get("state", {}), **second["data"].get("state", {})}
    return {**later, "content": {**second, "data": {**second["data"], "state": state}}}
