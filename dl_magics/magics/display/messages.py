"""Show the Jupyter messages of a cell: text, images, help pages, errors and input requests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from IPython.display import clear_output, publish_display_data

from dl_magics.magics.display.cell_widgets import CellWidgets
from dl_magics.magics.display.remote_error import build_error
from dl_magics.remote_code.kernel_call import build_aborted
from dl_magics.widgets.remote.bridge import CARRIED
from dl_magics.widgets.remote.views import without_view

Message = Mapping[str, Any]
OUTPUTS = ("stream", "display_data", "execute_result", "update_display_data", "clear_output")


def show_messages(
    messages: Iterable[Message],
    answer: Callable[[str], None],
    widgets: CellWidgets | None = None,
) -> BaseException | None:
    """Show the messages of one cell as they arrive; return its error, or None.

    `answer` is called with the text that the user types when the cell asks for input. `widgets`
    shows widgets, which are text without it.
    """
    failed = None
    for message in messages:
        error = show_message(message, answer, widgets)
        failed = failed or error
    return failed


def show_message(
    message: Message, answer: Callable[[str], None], widgets: CellWidgets | None = None
) -> BaseException | None:
    """Show one message of a cell, as an output of the cell that runs here; return its error."""
    kind, content = message["header"]["msg_type"], message["content"]
    if widgets and message.get("channel") == CARRIED:
        widgets.apply(message)
    elif kind in OUTPUTS:
        show_output(message, widgets.prepare if widgets else without_view)
    elif kind == "error":
        return build_error(content)
    elif kind == "input_request":
        answer(_read_input(content))
    elif kind == "execute_reply":
        for page in content.get("payload", []):
            if page.get("source") == "page":
                publish_display_data(page["data"])
        if content.get("status") == "aborted":
            return build_aborted()
        if content.get("status") == "error":
            # An interrupt may arrive when the kernel no longer sends the error as an output.
            return build_error(content)
    return None


def show_output(
    message: Message, prepare: Callable[[dict[str, Any]], dict[str, Any]] = without_view
) -> None:
    """Show a message of one of the types of `OUTPUTS`; `prepare` changes what is displayed."""
    kind, content = message["header"]["msg_type"], message["content"]
    if kind == "stream":
        stream = sys.stderr if content["name"] == "stderr" else sys.stdout
        stream.write(content["text"])
        stream.flush()
    elif kind == "clear_output":
        clear_output(wait=content.get("wait", False))
    else:
        content = prepare(content)
        publish_display_data(
            content["data"],
            content.get("metadata", {}),
            transient=content.get("transient") or None,
            update=kind == "update_display_data",
        )


def _read_input(content: Mapping[str, Any]) -> str:
    if content.get("password"):
        from getpass import getpass

        return getpass(content["prompt"])
    return input(content["prompt"])
