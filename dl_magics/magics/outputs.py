"""Show here what a cell on the GPU kernel sends: the same text, pictures, errors and questions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from IPython.display import clear_output, publish_display_data

# Its model lives in the other kernel: the plain form of the same output is shown instead.
_WIDGET = "application/vnd.jupyter.widget-view+json"

Message = Mapping[str, Any]


class GpuError(Exception):
    """A cell failed on the GPU kernel; it shows itself as it would have there."""

    def __init__(self, name: str, value: str, traceback: list[str]) -> None:
        super().__init__(f"{name}: {value}" if value else name)
        self.name, self.traceback = name, traceback

    def _render_traceback_(self) -> list[str]:
        return self.traceback or [str(self)]


def show_messages(messages: Iterable[Message], answer: Callable[[str], None]) -> GpuError | None:
    """Show the messages of one cell as they come; return its error, if it failed.

    `answer` is given what the person types where the cell asks for input.
    """
    failed = None
    for message in messages:
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "error":
            failed = GpuError(content["ename"], content["evalue"], content["traceback"])
        elif kind == "input_request":
            answer(_asked(content))
        else:
            _show(kind, content)
    return failed


def _show(kind: str, content: Mapping[str, Any]) -> None:
    if kind == "stream":
        stream = sys.stderr if content["name"] == "stderr" else sys.stdout
        stream.write(content["text"])
        stream.flush()
    elif kind in ("display_data", "execute_result", "update_display_data"):
        publish_display_data(
            {mime: data for mime, data in content["data"].items() if mime != _WIDGET},
            content.get("metadata", {}),
            transient=content.get("transient") or None,
            update=kind == "update_display_data",
        )
    elif kind == "clear_output":
        clear_output(wait=content.get("wait", False))
    elif kind == "execute_reply":
        for page in content.get("payload", []):
            if page.get("source") == "page":
                publish_display_data(page["data"])


def _asked(content: Mapping[str, Any]) -> str:
    if content.get("password"):
        from getpass import getpass

        return getpass(content["prompt"])
    return input(content["prompt"])
