"""What the kernel runs, from its status messages."""

from __future__ import annotations

import time

from .messages import Message

# Stands for what an adopted kernel runs: the agent that knew its request is gone.
UNKNOWN = ""


class Activity:
    """The ids of the requests that run, and since when nothing has run."""

    def __init__(self) -> None:
        self.running: dict[str, float] = {}
        self.idle_since = time.time()

    def take(self, message: Message) -> None:
        """Update the requests from a message of the kernel."""
        if message["header"]["msg_type"] != "status":
            return
        request = message["parent_header"].get("msg_id", "")
        state = message.get("content", {}).get("execution_state")
        if state == "busy":
            self.running[request] = time.time()
        elif state == "idle":
            self.end(request)

    def begin_unknown(self) -> None:
        """The kernel was adopted: it may run a request."""
        self.running = {UNKNOWN: time.time()}

    def end(self, request: str) -> None:
        """A request has ended."""
        self.running.pop(request, None)
        self.idle_since = time.time()

    def clear(self) -> None:
        """The kernel has ended."""
        self.running = {}

    def may_run(self, request: str) -> bool:
        """Whether the kernel may run this request now."""
        return request in self.running or UNKNOWN in self.running
