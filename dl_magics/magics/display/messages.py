"""Show the Jupyter messages of a cell: text, images, help pages, errors and input requests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from IPython.display import clear_output, publish_display_data

from dl_magics.magics.display.remote_error import GpuError, GpuInterrupt, build_error

# The model of a widget lives in the GPU kernel: the plain form of the output is shown instead.
_WIDGET = "application/vnd.jupyter.widget-view+json"

Message = Mapping[str, Any]


def show_messages(
    messages: Iterable[Message], answer: Callable[[str], None]
) -> GpuError | GpuInterrupt | None:
    """Show the messages of one cell as they arrive; return its error, or None.

    `answer` is called with the text that the user types when the cell asks for input.
    """
    failed = None
    for message in messages:
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "error":
            failed = build_error(content)
        elif kind == "input_request":
            answer(_read_input(content))
        else:
            show_message(message)
    return failed


def show_message(message: Message) -> None:
    """Show one message of a cell, as an output of the cell that runs here."""
    kind, content = message["header"]["msg_type"], message["content"]
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


def _read_input(content: Mapping[str, Any]) -> str:
    if content.get("password"):
        from getpass import getpass

        return getpass(content["prompt"])
    return input(content["prompt"])
