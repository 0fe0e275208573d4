"""What a kernel said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


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
