"""Show the Jupyter messages of a cell: text, images, help pages, errors and input requests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from IPython.display import clear_output, publish_display_data

from dl_magics.magics.display.remote_error import build_error
from dl_magics.remote_code.kernel_call import CellAborted

# The model of a widget lives in the GPU kernel: the plain form of the output is shown instead.
_WIDGET = "application/vnd.jupyter.widget-view+json"

Message = Mapping[str, Any]
OUTPUTS = ("stream", "display_data", "execute_result", "update_display_data", "clear_output")


def show_messages(
    messages: Iterable[Message], answer: Callable[[str], None]
) -> BaseException | None:
    """Show the messages of one cell as they arrive; return its error, or None.

    `answer` is called with the text that the user types when the cell asks for input.
    """
    failed = None
    for message in messages:
        failed = show_message(message, answer) or failed
    return failed


def show_message(message: Message, answer: Callable[[str], None]) -> BaseException | None:
    """Show one message of a cell, as an output of the cell that runs here; return its error."""
    kind, content = message["header"]["msg_type"], message["content"]
    if kind in OUTPUTS:
        show_output(message)
    elif kind == "error":
        return build_error(content)
    elif kind == "input_request":
        answer(_read_input(content))
    elif kind == "execute_reply":
        for page in content.get("payload", []):
            if page.get("source") == "page":
                publish_display_data(page["data"])
        if content["status"] == "aborted":
            return CellAborted()
    return None


def show_output(message: Message) -> None:
    """Show a message of one of the types of `OUTPUTS`."""
    kind, content = message["header"]["msg_type"], message["content"]
    if kind == "stream":
        stream = sys.stderr if content["name"] == "stderr" else sys.stdout
        stream.write(content["text"])
        stream.flush()
    elif kind == "clear_output":
        clear_output(wait=content.get("wait", False))
    else:
        publish_display_data(
            without_widget(content["data"]),
            content.get("metadata", {}),
            transient=content.get("transient") or None,
            update=kind == "update_display_data",
        )


def without_widget(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the forms of an output that can be shown here."""
    return {mime: value for mime, value in data.items() if mime != _WIDGET}


def _read_input(content: Mapping[str, Any]) -> str:
    if content.get("password"):
        from getpass import getpass

        return getpass(content["prompt"])
    return input(content["prompt"])
